"""Background jobs: enqueue, dispatch, claim, finish; and the broker that carries their ids."""
