"""Authentication of callers, and the guards of views."""
