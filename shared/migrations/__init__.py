"""Brings the database to the newest schema, by Alembic, one migration at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine

from shared.db import with_driver


def upgrade(database_url: str) -> None:
    """Run every migration that the database lacks; several at once wait for each other."""
    command.upgrade(_config(database_url), "head")


def missing(engine: Engine) -> bool:
    """Whether the database lacks a migration that this release needs; one from a newer release is no lack."""
    script = ScriptDirectory.from_config(_config(""))
    with engine.connect() as connection:
        at = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    return at is None or (at in known and at != script.get_current_head())


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["engine"] = create_engine(with_driver(database_url)) if database_url else None
    return config
