"""Text search that ignores case and accents."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, func, literal_column, or_
from sqlalchemy.orm import InstrumentedAttribute

from shared.folding import fold, folded_sql


def holding_words(column: InstrumentedAttribute[str], q: str) -> Iterator[ColumnElement[bool]]:
    """For each word of `q`, a condition that the column contains it. Other conditions should narrow the rows first."""
    # Folding costs more than comparing, and nearly all addresses are ASCII, which needs no folding.
    isnt_ascii = func.octet_length(column) > func.char_length(column)
    folded: ColumnElement[str] = literal_column(folded_sql(f"{column.class_.__tablename__}.{column.key}"))
    for word in fold(q).split():
        yield or_(column.icontains(word, autoescape=True), and_(isnt_ascii, folded.icontains(word, autoescape=True)))
