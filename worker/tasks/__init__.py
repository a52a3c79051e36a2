"""The tasks: plain functions over a runtime and some ids, and the names under which messages call them."""
