"""Completeness rules for every view, error, job and email, however many are added."""

import inspect
import json
import re
from pathlib import Path

import pytest

from shared import errors
from shared.audit.events import Action
from shared.jobs import kinds
from shared.jobs.kinds import SPECS, TEMPLATES, Task
from shared.models import JobKind
from shared.permissions import PERMISSIONS_OF, Permission, Role
from shared.settings.settings import Settings
from shared.templating import TEMPLATES as TEMPLATES_FOLDER
from tests.structure import settings_table
from web.app import create_app
from web.http.body_limits import LARGE
from web.http.problems import STATUS
from web.ui import labels
from worker.tasks.table import TASKS

PARTS = (
    "worker",
    *(
        f"shared/{name}"
        for name in (
            "accounts",
            "audit",
            "invitations",
            "jobs",
            "limits",
            "mail",
            "networks",
            "operations",
            "screening",
            "team",
        )
    ),
)


@pytest.fixture(scope="module")
def app():
    return create_app(
        Settings(
            database_url="postgresql://no_one@127.0.0.1:9/none",
            broker_url="redis://127.0.0.1:9/0",
            smtp_url="smtp://127.0.0.1:9",
            mail_from="usher@corp.example",
            public_url="https://usher.example",
            secret_keys=("x" * 40,),
        )
    )


def test_every_view_has_a_guard(app):
    unguarded = [name for name, view in app.view_functions.items() if not hasattr(view, "guard")]
    assert unguarded == []


def test_every_error_has_a_status():
    kinds = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.UsherError) and kind is not errors.UsherError
    }
    assert kinds == STATUS.keys()


def test_every_event_of_the_audit_log_has_words():
    assert labels._EVENTS.keys() == set(Action)


def test_every_job_kind_has_a_task():
    assert SPECS.keys() == set(JobKind) == labels.JOB_KINDS.keys()


def test_every_task_is_declared_once_with_its_function():
    declared = [task for task in vars(kinds).values() if isinstance(task, Task)]
    assert {spec.task for spec in TASKS} == set(declared)
    assert len(TASKS) == len({task.name for task in declared}) == len(declared)


def test_every_kind_of_email_has_a_template_and_a_recipient():
    assert {path.name for path in (TEMPLATES_FOLDER / "emails").iterdir() if path.is_dir()} == set(TEMPLATES.values())
    assert [spec.kind for spec in SPECS.values() if bool(spec.template) != bool(spec.recipient)] == []


def test_the_matrix_grants_what_the_vendor_says():
    granted = {role: {str(permission) for permission in PERMISSIONS_OF[role]} for role in Role}
    assert granted[Role.OWNER] == {str(permission) for permission in Permission}
    assert granted[Role.ADMIN] == granted[Role.OWNER] - {"account:edit"}
    assert granted[Role.FINANCE_ANALYST] == {"billing:view", "billing:edit", "pricing:view"}
    assert granted[Role.SUPPORT] == {
        "phone_numbers:view",
        "billing:view",
        "settings:view",
        "settings:edit",
        "applications:view",
        "logs:view",
        "team:view",
    }
    assert granted[Role.DEVELOPER] == {
        "phone_numbers:view",
        "phone_numbers:edit",
        "settings:view",
        "settings:edit",
        "credentials:view",
        "credentials:edit",
        "applications:view",
        "applications:edit",
        "logs:view",
        "team:view",
    }


def test_over_tls_cookies_and_headers_are_bound_to_the_host(app):
    answer = app.test_client().get("/healthz")
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("name", sorted(Settings.model_fields.keys() - settings_table.INTERNAL))
def test_every_setting_is_described_on_the_operations_page(name):
    begin, description = settings_table.row_of(name)
    rows = [line for line in settings_table.PAGE.read_text().splitlines() if line.startswith(begin)]
    assert len(rows) == 1
    assert rows[0].endswith(description), "run `make settings`"


def test_the_clock_of_a_worker_decides_nothing():
    """Row 16 of the fault plan: leases, deadlines and expiry use the database's clock, so a wrong worker clock is
    harmless."""
    room = Path(__file__).parents[2]
    asks = re.compile(r"time\.time\(\)|clock\.now\(\)|datetime\.(now|utcnow|today)|date\.today")
    sources = [path for part in PARTS for path in (room / part).rglob("*.py")]
    asking = {str(path.relative_to(room)) for path in sources if asks.search(path.read_text())}
    # The age of network lists and the time of billing answers come from other systems, which use wall-clock time.
    assert asking == {"shared/networks/registry.py", "worker/lookups/contracts.py"}


def test_a_call_that_takes_a_thousand_rows_takes_their_bytes(app):
    specs = [view.spec for view in app.view_functions.values() if hasattr(view, "spec")]
    many = [
        spec
        for spec in specs
        if spec.body and re.search(r'"maxItems": 1000', json.dumps(spec.body.model_json_schema()))
    ]
    assert len(many) >= 3
    assert [spec.summary for spec in many if spec.max_body != LARGE] == []
