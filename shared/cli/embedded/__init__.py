"""The servers that `usher up` and the tests start themselves: a real PostgreSQL, a real Valkey and the mail catcher."""
