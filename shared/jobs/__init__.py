"""Background jobs in PostgreSQL (enqueue, dispatch, claim, finish) and the broker messages that carry their ids."""
