"""Parsing, answering and documenting of calls."""
