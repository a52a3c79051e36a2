"""Bodies in, JSON out: what the OpenAPI document is made of."""
