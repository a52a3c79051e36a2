"""The audit log: events, the hash chain over them, and its archive."""
