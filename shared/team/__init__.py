"""Team changes, and members and invitations in one list."""
