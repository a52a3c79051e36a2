"""Outgoing email: contents, results, provider events and suppressed addresses."""
