from pathlib import Path

import pytest

from shared.cli.embedded.home import locked_home
from shared.cli.embedded.process import CannotStart


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_its_secrets_are_found_again(folder: Path) -> None:
    with locked_home(folder) as first:
        first.keep(api_key="a-key")
    with locked_home(folder) as second:
        assert second.secrets == first.secrets
        assert second.secrets.api_key == "a-key"


def test_its_secrets_are_for_its_owner_alone(folder: Path) -> None:
    with locked_home(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_two_cannot_use_it_at_once(folder: Path) -> None:
    with locked_home(folder), pytest.raises(CannotStart, match="Another `usher up` uses"), locked_home(folder):
        pass


def test_someone_elses_folder_is_left_alone(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    (folder / "thesis.txt").touch()
    with pytest.raises(CannotStart, match="it isn't a data folder"), locked_home(folder):
        pass
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_file_in_its_place_is_named(folder: Path) -> None:
    folder.touch()
    with pytest.raises(CannotStart, match="can't be used"), locked_home(folder):
        pass


@pytest.mark.parametrize("damaged", ["{", "[]", '{"secret_key": 5}', '{"api_key": []}', '{"unheard_of": "x"}'])
def test_damaged_secrets_are_named(folder: Path, damaged: str) -> None:
    with locked_home(folder):
        (folder / "secrets.json").write_text(damaged)
    with pytest.raises(CannotStart, match=r"secrets\.json is damaged"), locked_home(folder):
        pass
