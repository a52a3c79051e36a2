"""The database: engine, transactions, prepared queries, many rows at once."""
