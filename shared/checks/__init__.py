"""Pure decisions: facts in, verdicts and reasons out. Nothing here asks the network, the database or the clock."""
