"""The life of an invitation, for the account and for the invitee."""
