"""The names in the environment that all parts agree on. Settings themselves are read by `shared.settings.settings`."""

PREFIX = "USHER_"
"""What the name of every setting begins with."""

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which the processes of one machine count together; `usher up` sets it for all its parts."""
