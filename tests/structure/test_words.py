"""Words that the code avoids, with their replacements: in all names, and in the prose of every revised file.

Files in `unrevised.txt` still have unrevised prose. A file leaves the list once its prose is rewritten. A clean file
that is still listed fails the test, so the list only gets shorter.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
UNREVISED = Path(__file__).with_name("unrevised.txt")
FOLDERS = ("shared", "web", "worker", "tests")

# A regular expression over the words of an identifier (split at capitals and underscores): the replacement.
NAMES = {
    r"promised?|promises|promising": "enqueue, enqueued",
    r"ring|rings|ringing|rung|nudge|nudged|nudger|bell|doorbell": "dispatch, notify, notification, Notifier",
    r"bury|buried": "mark_dead",
    r"anew": "reset, again",
    r"asked|told|said": "connection, params, message, result, values",
    r"bare": "autocommit",
    r"letters?|moot": "email, OutgoingMail, Obsolete",
    r"wish|wishes": "request, InvitationRequest",
    r"kit|desk": "AppContext, LookupPool",
    r"among|listed": "in_literals, any_of, list_...",
    r"somebody|whoever|whomever|whom": "caller, user, member, inviter, invitee",
    r"mend|mended|mender": "fix, fixed",
    r"mails": "emails",
}

# Public API names and database names stay: (path, identifier).
KEPT = {
    ("*", "asked"): "a field of the answer to a request for a new link, and of its event",
    ("*", "AskedOut"): "that answer's schema, as the OpenAPI document names it",
    ("*", "ring_at"): "a column of the jobs table",
    ("*", "ix_jobs_ring"): "an index of the jobs table",
    ("*", "proxy_listed"): "a reason code",
    ("*", "check_listed"): "a name of the bench",
}
EXEMPT = ("shared/migrations/versions/*", "tests/structure/test_words.py")

# A regular expression over prose (comments, docstrings, log messages, help): the replacement.
PROSE = {
    r"\b(whoever|whomever|whom|somebody|someone else's|nobody)\b": "caller, user, member, inviter, invitee; no one",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\b(promise[sd]?|promising) (a|an|the|one|this|these|it|mails?|emails?|jobs?|invitations?|what)\b": "enqueue",
    r"\bwas promised\b|\bis promised\b|\bwere promised\b": "was enqueued",
    r"\b(ring|rings|rung|ringing) (for|again)\b|\bnudge[sd]?\b|\bnudging\b|\b(door)?bell\b": "dispatch, notify",
    r"\bbury\b|\bburied\b|\bburies\b": "mark as dead",
    r"\banew\b": "again, reset",
    r"\b(a|an|one|each|every|no|this|that) mail\b|\bmails\b": "an email, emails",
    r"\bletters?\b(?! of)": "email",
    r"\bat the (most|least)\b": "at most, at least",
    r"\bbecomes? of\b|\bbecame of\b": "happens to, results",
    r"\b(stands?|stood) (in|open|there|beside|for a while)\b": "is in, is",
    r"\blies in\b": "is in",
    r"\b(house|floor|room) of its own\b": "a module of its own",
    r"\bto let go of\b|\blets go of\b": "release, close",
}
BEGINNINGS = re.compile(r"(What|Whoever|Whether|How|The same|Who|Whom)\b")


class Finding(NamedTuple):
    """One occurrence of a banned word."""

    line: int
    kind: str
    word: str
    instead: str


def files() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if not any(path.relative_to(ROOT).match(each) for each in EXEMPT))


def words_of(identifier: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]+", identifier)]


def bound_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the names that a file defines or assigns. Imported names belong to other files."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                # The names of tests are sentences about people, so they count as prose.
                if not name.startswith(("test_", "Test")):
                    yield node.lineno, name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


def bad_names(path: Path) -> Iterator[Finding]:
    for line, name in bound_names(ast.parse(path.read_text())):
        if ("*", name) in KEPT or (str(path.relative_to(ROOT)), name) in KEPT:
            continue
        for word in words_of(name):
            for pattern, instead in NAMES.items():
                if re.fullmatch(pattern, word):
                    yield Finding(line, "name", name, instead)


def translated_lines(tree: ast.AST) -> set[int]:
    """The lines of translatable texts, whose words are revised together with the catalogues."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "N_"
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node, clean=True)
            if text:
                yield node.body[0].lineno, text
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for before, after in pairwise(body):
            match before, after:
                case ast.Assign() | ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str(text))):
                    yield after.lineno, text


def bad_prose(path: Path) -> Iterator[Finding]:
    text = path.read_text()
    tree = ast.parse(text)
    skipped = translated_lines(tree)
    for line, sentence in docstrings(tree):
        if (found := BEGINNINGS.match(sentence)) and not path.name.startswith("test_"):
            yield Finding(line, "beginning", found[0], "a noun phrase or an imperative")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING) and token.start[0] not in skipped:
            for pattern, instead in PROSE.items():
                for hit in re.finditer(pattern, token.string, re.IGNORECASE):
                    line = token.start[0] + token.string[: hit.start()].count("\n")
                    kind = "comment" if token.type == tokenize.COMMENT else "text"
                    yield Finding(line, kind, hit[0], instead)


@cache
def unrevised() -> frozenset[str]:
    return frozenset(UNREVISED.read_text().split()) if UNREVISED.exists() else frozenset()


def test_names_are_the_fields_own() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{each.line} {each.word}: {each.instead}"
        for path in files()
        for each in bad_names(path)
    ]
    assert found == []


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_is_plain(path: Path) -> None:
    found = [f"{each.line} {each.word}: {each.instead}" for each in bad_prose(path)]
    if str(path.relative_to(ROOT)) in unrevised():
        assert found, "its prose is plain: take it out of unrevised.txt"
    else:
        assert found == []
