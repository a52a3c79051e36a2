"""Rate limits, and requests that are answered once."""
