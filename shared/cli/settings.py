"""What a command is told by its environment."""

from collections.abc import Mapping

import click

from shared.settings import loading
from shared.settings.settings import Settings


def settings_from(environ: Mapping[str, str]) -> Settings:
    """The settings; variables that look meant for Usher and are none are named on standard error."""
    for line in loading.unknown_variables(environ):
        click.echo(line, err=True)
    return loading.load(environ)
