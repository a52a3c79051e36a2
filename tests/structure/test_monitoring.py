"""The dashboard and the alert rules use only metrics that exist, and every metric is on the dashboard or an alert."""

import json
import re
from pathlib import Path

from prometheus_client import REGISTRY

from shared import monitoring
from web import metrics as web_metrics
from worker import metrics as worker_metrics

FOLDER = Path(monitoring.__file__).parent
READ_FROM_THE_DATABASE = {
    "usher_jobs",
    "usher_oldest_due_job_seconds",
    "usher_jobs_finished_last_minute",
    "usher_mail_paused_seconds",
    "usher_parts_alive",
    "usher_scheduler_heartbeat_timestamp_seconds",
    "usher_database_up",
    "usher_list_age_seconds",
    "usher_abuse_reports_open",
    "usher_accounts_held",
}


def metrics_in(name: str) -> set[str]:
    """The metrics that a file uses, without the suffixes that Prometheus adds."""
    found = re.findall(r"\busher_[a-z_]+", (FOLDER / name).read_text())
    return {re.sub(r"_(bucket|count|sum|total)$", "", each) for each in found}


def there_are() -> set[str]:
    assert web_metrics.REQUESTS
    assert worker_metrics.ROUNDS
    return {family.name for family in REGISTRY.collect() if family.name.startswith("usher_")} | READ_FROM_THE_DATABASE


def test_dashboard_and_alerts_ask_only_for_figures_that_exist():
    assert metrics_in("dashboard.json") <= there_are()
    assert metrics_in("alerts.yml") <= there_are()


def test_every_figure_is_on_the_dashboard_or_behind_an_alert():
    shown = metrics_in("dashboard.json") | metrics_in("alerts.yml")
    assert there_are() - shown <= {"usher_rounds"}


def test_the_dashboard_is_one_that_grafana_imports():
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    assert {"title", "uid", "schemaVersion", "panels", "templating"} <= dashboard.keys()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert panel["targets"]
        assert panel["description"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
