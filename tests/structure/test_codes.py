"""Every code that the product can answer with is registered, with words in every language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.checks import proxy
from shared.codes import CODES
from tests.web.pages import catalogues
from web.http import problems
from web.schemas.base import Problem, ReasonOut
from web.ui.i18n import NAMES

ROOT = Path(__file__).parents[2]
CODE_ARGUMENT = {"Reason": 0, "Conflict": 0, "LinkDead": 0, "TooSoon": 0, "problem": 1}
"""Calls that take a code, and the place of its argument."""

PASSED_ON = {"code", "error.code", "check.reasons[0].code", "_CODES[hit.kind]", "_CODES[ProxyKind.HEADER]"}
"""Arguments that hold a code from elsewhere: an error or reason that exists, or a table below."""

TABLES = {
    *proxy._CODES.values(),
    *(code for code, *_ in problems._HTTP_CODES.values()),
    problems._REFUSED[0],
}


def trees() -> Iterator[tuple[Path, ast.AST]]:
    for folder in ("shared", "web", "worker"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path, ast.parse(path.read_text())


def arguments() -> Iterator[tuple[str, ast.expr]]:
    """Each expression that becomes a code, and where it is."""
    for path, tree in trees():
        for node in ast.walk(tree):
            found = argument_of(node, path) if isinstance(node, ast.Call) else class_code(node)
            if found is not None:
                yield f"{path.relative_to(ROOT)}:{found.lineno}", found


def argument_of(call: ast.Call, path: Path) -> ast.expr | None:
    name = ast.unparse(call.func).rpartition(".")[2]
    if name == "_reason" and path.name == "reasons.py":
        return call.args[0]
    place = CODE_ARGUMENT.get(name)
    return call.args[place] if place is not None and len(call.args) > place else None


def class_code(node: ast.AST) -> ast.expr | None:
    lines = node.body if isinstance(node, ast.ClassDef) else []
    assigned = (line for line in lines if isinstance(line, ast.Assign))
    return next((line.value for line in assigned if ast.unparse(line.targets[0]) == "code"), None)


def mail_domain_codes() -> set[str]:
    """The codes of the table within `mail_reasons`."""
    return set(re.findall(r'\("(domain_\w+)",', (ROOT / "shared/checks/mail_domain.py").read_text()))


def test_every_code_is_registered():
    found = list(arguments())
    literal = {str(each.value): place for place, each in found if isinstance(each, ast.Constant)}
    others = {ast.unparse(each): place for place, each in found if not isinstance(each, ast.Constant)}
    assert set(others) == PASSED_ON, others
    raised = set(literal) | TABLES | mail_domain_codes()
    assert raised - CODES.keys() == set(), "register them in shared/codes.py, with their words"
    assert CODES.keys() - raised == set(), "nothing raises these: remove them from shared/codes.py"


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
def test_every_code_has_words_in_every_language(tag):
    catalogue = catalogues.read(tag)
    translations = {code: catalogue.get(row.words) for code, row in CODES.items()}
    assert [code for code, found in translations.items() if found is None or not found.string] == []


def test_the_openapi_document_names_every_code():
    assert Problem.model_json_schema()["properties"]["code"]["enum"] == list(CODES)
    kept, _ = ReasonOut.model_json_schema()["properties"]["code"]["anyOf"]
    assert kept["enum"] == list(CODES)
