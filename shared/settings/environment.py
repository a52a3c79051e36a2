"""Names in the environment that all components share. `shared.settings.settings` reads the settings themselves."""

PREFIX = "USHER_"
"""The prefix of every setting's name."""

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable for the folder in which the processes of one machine share metrics. `usher up` sets it for all parts."""
