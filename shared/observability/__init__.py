"""Logs, traces and metrics files."""
