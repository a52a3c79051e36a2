"""The `usher` command. It starts web, workers and scheduler as processes by their names, and imports none of them."""

from importlib import import_module
from typing import Any

import click

from shared.errors import CannotRun, UsherError

# Loaded when they are called: nothing should wait for, or hold in memory, what only others import.
_COMMANDS = {
    "up": "up:up",
    "web": "run:web",
    "worker": "run:worker",
    "scheduler": "run:scheduler",
    "mail-catcher": "embedded.mail_catcher:mail_catcher",
    "migrate": "setup:migrate",
    "operator": "setup:operator",
    "account": "setup:account",
    "contract": "setup:contract",
    "audit": "audit:audit",
    "doctor": "doctor:doctor",
    "jobs": "jobs:jobs",
    "import": "import_invitations:import_",
    "check": "checks:check",
    "why": "checks:why",
    "policy": "checks:policy",
}


class _Commands(click.Group):
    """Commands whose named errors are a line or two for a person and exit code 1, never a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"shared.cli.{module}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UsherError as error:
            complaint = f"{error.detail} {error.remedy}".strip()
        except CannotRun as error:
            complaint = str(error)
        click.echo(complaint, err=True)
        return ctx.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="usher")
def main() -> None:
    """Invite colleagues into shared accounts, and decide who may do what there.

    Settings come from the environment, as USHER_*; `usher up` needs none.
    """
