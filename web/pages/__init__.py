"""What people see in a browser, one file a page. GET shows, POST acts; a page has no rule of its own."""

from flask import Flask


def register(app: Flask) -> None:
    """Put every page where it is reached."""
    del app
