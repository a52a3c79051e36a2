"""The `usher` command. It starts the web server, workers and scheduler by name and imports none of them."""

from importlib import import_module
from typing import Any

import click

from shared.errors import CannotRun, UsherError

# Commands are imported on use, so none loads the dependencies of the others.
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
    """A command group that prints known errors as a line or two with exit code 1, never as a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command with this name."""
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
    """Invite colleagues into shared accounts and control what each of them can do.

    Settings come from the environment as USHER_*. `usher up` needs none.
    """
