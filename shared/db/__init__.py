"""The database: engine, transactions, prepared queries and bulk writes."""
