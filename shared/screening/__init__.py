"""Gathers the facts that the checks judge by, and screens invitations with them."""
