"""Waiting is a time in a row: no task may wait, retry or store results through Celery."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORBIDDEN = re.compile(
    r"\.delay\(|apply_async|countdown\s*=|\beta\s*=|self\.retry\(|autoretry_for|AsyncResult|result_backend\s*="
)


def test_nothing_waits_in_the_broker() -> None:
    sources = [path for room in ("shared", "web", "worker") for path in (ROOT / room).rglob("*.py")]
    waiting = [path.relative_to(ROOT) for path in sources if FORBIDDEN.search(path.read_text())]
    assert len(sources) > 50
    assert waiting == []
