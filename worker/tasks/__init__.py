"""The tasks: plain functions over a worker context and job ids."""
