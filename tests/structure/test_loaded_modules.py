"""The modules that each part imports. An unneeded library costs megabytes in every process."""

import subprocess
import sys

import pytest


def loaded(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("module", ["web.app", "worker.serve", "worker.scheduler"])
def test_no_part_loads_what_it_has_no_use_for(module: str) -> None:
    assert not loaded(module) & {"rich", "opentelemetry"}


@pytest.mark.parametrize("module", ["shared.cli.up", "shared.cli.embedded.mail_catcher"])
def test_what_only_looks_after_others_is_small(module: str) -> None:
    assert not loaded(module) & {"pydantic", "sqlalchemy", "psycopg", "structlog", "celery"}
