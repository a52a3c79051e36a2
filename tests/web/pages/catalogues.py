"""All translatable texts of the pages, found in templates and code, for the catalogues and their test.

`make catalogues` adds new texts to each catalogue, untranslated, and removes unused ones.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from shared.codes import CODES
from shared.permissions import RESOURCES
from shared.templating import TEMPLATES
from web.http.problems import HTTP_TITLES, STATUS
from web.ui import error_messages, labels
from web.ui.i18n import CATALOGUES, NAMES

_FOLDERS = [CATALOGUES.parent / name for name in ("pages", "ui")]
_OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
_KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "counted": (1, 2)}


def texts() -> Iterator[str | tuple[str, ...]]:
    """Yield each text of a page, once."""
    found: dict[str | tuple[str, ...], None] = {}
    for file in sorted((TEMPLATES / "pages").glob("*.html")):
        found |= dict.fromkeys(_texts("jinja2.ext:babel_extract", file))
    for file in sorted(file for folder in _FOLDERS for file in folder.glob("*.py")):
        found |= dict.fromkeys(_texts("python", file))
    elsewhere = {
        *RESOURCES.values(),
        *labels.STATES.values(),
        *(code.words for code in CODES.values()),
        *error_messages.FIXED,
        *(kind.title for kind in STATUS),
        *HTTP_TITLES,
    }
    yield from found | dict.fromkeys(sorted(elsewhere))


def read(tag: str) -> Catalog:
    """Read the catalogue of a language."""
    file = CATALOGUES / f"{tag}.po"
    if not file.exists():
        return Catalog(locale=tag)
    with file.open("rb") as source:
        return read_po(source, locale=tag)


def _texts(how: str, file: Path) -> Iterator[str | tuple[str, ...]]:
    """Yield the texts of one file. Calls with anything but a literal text are skipped."""
    for _, text, _, _ in extract_from_file(how, file, keywords=_KEYWORDS, options=_OPTIONS):
        yield text if isinstance(text, str) else tuple(text)


def main() -> None:
    for tag in NAMES:
        if tag != "en":
            old, new = read(tag), Catalog(locale=tag)
            for text in sorted(texts(), key=str):
                known = old.get(text if isinstance(text, str) else text[0])
                new.add(text, known.string if known else "")
            with (CATALOGUES / f"{tag}.po").open("wb") as target:
                write_po(target, new, width=0, sort_output=True, omit_header=True)


if __name__ == "__main__":
    main()
