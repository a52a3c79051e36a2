"""Pure decisions: facts in, verdicts and reasons out. Checks never use the network, the database or the clock."""
