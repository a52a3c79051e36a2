"""Celery only: claim, look up, render, send, record."""
