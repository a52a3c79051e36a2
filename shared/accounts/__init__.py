"""Accounts, users, memberships, and what signs a person or a program in."""
