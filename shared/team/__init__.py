"""Changes to a team, and the team as one list."""
