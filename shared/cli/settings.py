"""The settings of commands, from the environment."""

from collections.abc import Mapping

import click

from shared.settings import loading
from shared.settings.settings import Settings


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Load the settings, and warn on standard error about unknown USHER_* variables. Raises `BadSettings`."""
    for line in loading.unknown_variables(environ):
        click.echo(line, err=True)
    return loading.load(environ)
