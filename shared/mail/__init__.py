"""Outgoing email: what is sent, what came of it, and who is no longer mailed."""
