"""The servers that `usher up` and the tests bring along: a real PostgreSQL, a real Valkey, and a mail catcher."""
