from pathlib import Path

import psycopg
import pytest

from shared.cli.embedded import postgres
from shared.cli.embedded.postgres import Postgres
from shared.cli.embedded.process import CannotStart, running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a row in it, whose path is long and has characters that URLs must escape."""
    folder = tmp_path_factory.mktemp("a b%c'd" + "x" * 80) / "postgres"
    server = prepare(folder)
    with running(server, folder.with_name("log")), psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE found (again text)")
        connection.execute("INSERT INTO found VALUES ('yes')")
    return folder


def prepare(folder: Path) -> Postgres:
    return postgres.prepare(folder, durable=False)


def test_a_second_start_finds_the_same_data(made: Path) -> None:
    server = prepare(made)
    with running(server, made.with_name("log")), psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT again FROM found").fetchone() == ("yes",)


def test_it_takes_text_in_every_script_and_sorts_it_alike_everywhere(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SELECT 'Z' < 'a', upper('ß→é')").fetchone() == (True, "ß→É")


def test_no_one_else_can_open_its_folder(made: Path) -> None:
    assert made.stat().st_mode & 0o077 == 0


def test_a_folder_that_is_no_database_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    with pytest.raises(CannotStart, match=f"{folder} is damaged"):
        prepare(folder)


def test_a_folder_of_another_release_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("9\n")
    with pytest.raises(CannotStart, match="was created by PostgreSQL 9"):
        prepare(folder)


def test_an_interrupted_first_start_is_begun_again(tmp_path: Path) -> None:
    halfway = tmp_path / "postgres.new"
    halfway.mkdir()
    (halfway / "PG_VERSION").write_text("18\n")
    prepare(tmp_path / "postgres")
    assert (tmp_path / "postgres" / "global" / "pg_control").exists()


def test_a_chosen_folder_without_programs_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="USHER_POSTGRES_BIN"):
        postgres.prepare(tmp_path / "postgres", binaries=str(tmp_path))
