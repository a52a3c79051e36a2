"""Lookups in other systems, each behind one small function. They collect facts; the checks decide."""
