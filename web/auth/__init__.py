"""Who is calling, and what guards a view."""
