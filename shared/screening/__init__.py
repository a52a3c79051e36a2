"""Gathers facts for the checks and screens invitations with them."""
