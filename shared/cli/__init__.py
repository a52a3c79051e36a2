"""The `usher` command. It starts web, workers and scheduler as processes by their names, and imports none of them."""

from importlib import import_module
from typing import Any

import click

from shared.cli.embedded.process import CannotStart
from shared.cli.parts import mail_catcher, scheduler, web, worker
from shared.config import BadSettings
from shared.errors import UsherError

# Loaded when they are called: a part of production should not wait for what only these import.
_LOADED_LATE = {
    "up": "up",
    "migrate": "setup",
    "operator": "setup",
    "account": "setup",
    "contract": "setup",
    "audit": "audit",
    "doctor": "doctor",
    "jobs": "jobs",
    "import": "bulk",
    "check": "checks",
    "why": "checks",
    "policy": "checks",
}


_ATTRIBUTE = {"import": "import_"}


class _Commands(click.Group):
    """Commands whose named errors are a line or two for a person and exit code 1, never a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted([*super().list_commands(ctx), *_LOADED_LATE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in _LOADED_LATE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(
            import_module(f"shared.cli.{_LOADED_LATE[cmd_name]}"), _ATTRIBUTE.get(cmd_name, cmd_name)
        )
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UsherError as error:
            complaint = f"{error.detail} {error.remedy}".strip()
        except (BadSettings, CannotStart) as error:
            complaint = str(error)
        click.echo(complaint, err=True)
        return ctx.exit(1)


@click.group(
    cls=_Commands,
    commands=[web, worker, scheduler, mail_catcher],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="usher")
def main() -> None:
    """Invite colleagues into shared accounts, and decide who may do what there.

    Settings come from the environment, as USHER_*; `usher up` needs none.
    """
