"""Accounts, users, memberships, and authentication of people and programs."""
