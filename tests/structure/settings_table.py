"""The table of settings in the operations page, written from the settings' own help: `make settings`."""

from pathlib import Path

from shared.settings.settings import Settings

PAGE = Path(__file__).parents[2] / "shared" / "docs" / "operations.md"

# `usher up` sets it for its own web server. No one else has a use for it.
INTERNAL = {"mailbox_dir"}


def row_of(name: str) -> tuple[str, str]:
    """The beginning of a setting's row, and its description as a cell of the table."""
    return f"| `{name.upper()}` |", f"| {(Settings.model_fields[name].description or '').replace('|', chr(92) + '|')} |"


def main() -> None:
    lines = PAGE.read_text().splitlines()
    for name in Settings.model_fields.keys() - INTERNAL:
        begin, description = row_of(name)
        (place,) = [number for number, line in enumerate(lines) if line.startswith(begin)]
        default = lines[place].removeprefix(begin).split(" | ", 1)[0].strip().removesuffix("|").strip()
        lines[place] = f"{begin} {default} {description}"
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
