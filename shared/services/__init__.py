"""The verbs of the domain, one capability a file.

A service takes the session first and everything else by name; it returns rows or raises a named error, and it never
commits, sends or sees HTTP.
"""
