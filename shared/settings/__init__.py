"""What an operator sets: every setting with its type, and how its text is read."""
