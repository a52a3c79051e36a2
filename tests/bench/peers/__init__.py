"""Alternatives to Usher, installed when they are measured."""
