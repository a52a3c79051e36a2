"""How calls are parsed, answered and documented."""
