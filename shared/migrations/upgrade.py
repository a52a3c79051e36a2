"""Brings the database to the newest schema, by Alembic, one migration at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from shared.db import with_driver


def upgrade(database_url: str) -> None:
    """Run every migration that the database lacks; several at once wait for each other."""
    command.upgrade(configuration(database_url), "head")


def configuration(database_url: str) -> Config:
    """Alembic's configuration for this database."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["engine"] = create_engine(with_driver(database_url))
    return config
