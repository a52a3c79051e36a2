"""The HTTP layer: parse a request, call a service, present its result."""
