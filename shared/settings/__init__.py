"""The settings: names, types, help and parsing."""
