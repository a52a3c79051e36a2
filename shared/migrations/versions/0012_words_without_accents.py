"""Search for people regardless of accents, strokes and slashes in names; the old index stays for one release"""

import sqlalchemy as sa

from shared.migrations import indexes

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# A copy of `shared/folding.py` and `shared/models/user.py` at the time of this migration.
_SPELLED_OUT = {"ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "þ": "th", "Þ": "th"}
_STROKES = ("øØłŁđĐðÐħĦŧŦıŋŊς", "oollddddhhttinnσ")
_GREEK = "".join(map(chr, (*range(0x391, 0x3A2), *range(0x3A3, 0x3AA))))
_CYRILLIC = "".join(map(chr, (*range(0x402, 0x40C), 0x40F, *range(0x410, 0x430), 0x490)))
_MARKS = "".join(map(chr, range(0x300, 0x370)))
_APART = "@.+-_/<>&~#="


def _words() -> str:
    folded = "normalize(name || ' ' || email, NFKD)"
    for letter, spelled in _SPELLED_OUT.items():
        folded = f"replace({folded}, '{letter}', '{spelled}')"
    letters = _STROKES[0] + _GREEK + _CYRILLIC + _MARKS
    folded = f"normalize(translate({folded}, '{letters}', '{_STROKES[1] + (_GREEK + _CYRILLIC).lower()}'), NFKC)"
    return f"to_tsvector('simple', translate({folded}, '{_APART}', '{' ' * len(_APART)}'))"


def upgrade() -> None:
    indexes.build("ix_users_folded_words", "users", [sa.text(_words())], postgresql_using="gin")


def downgrade() -> None:
    indexes.drop("ix_users_folded_words", "users")
