"""RabbitMQ as the broker, by setting alone. Skipped if its server isn't installed."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.cli.embedded.stack import free_port
from shared.jobs.kinds import SEND_EMAIL
from shared.jobs.publisher import Publisher
from shared.models import JobKind, JobState
from shared.settings.settings import Settings
from tests.cli.processes import eventually
from tests.smtp_server import SmtpServer
from tests.worker.test_processes import part
from tests.worker.world import World

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

pytestmark = pytest.mark.skipif(not SERVER.exists(), reason="no RabbitMQ is installed on this machine")


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a new RabbitMQ on loopback, in a temporary folder."""
    folder, port, distribution = tmp_path_factory.mktemp("r"), free_port("127.0.0.1"), free_port("127.0.0.1")
    variables = {
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(free_port("127.0.0.1")),
        "RABBITMQ_NODENAME": f"usher{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
    }
    (folder / "plugins").write_text("[].\n")
    with (folder / "out").open("wb") as output:
        server = subprocess.Popen([str(SERVER)], env=os.environ | variables, stdout=output, stderr=output)
        try:
            eventually(lambda: _answers(port), within=60)
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            server.terminate()
            server.wait(30)
            # Erlang's port mapper daemon would otherwise keep running.
            subprocess.run(["epmd", "-kill"], env=os.environ | variables, stdout=output, stderr=output, check=False)


def test_invitations_are_checked_and_mailed_through_it(
    custom_settings: Settings, world: World, smtp: SmtpServer, rabbitmq: str, tmp_path: Path
) -> None:
    settings = custom_settings.model_copy(update={"broker_url": rabbitmq})
    world.invite_many("bob@corp.example", "dora@corp.example")
    with part("scheduler", settings, tmp_path / "scheduler.log"), part("worker", settings, tmp_path / "worker.log"):
        eventually(lambda: [job.state for job in world.jobs(JobKind.INVITATION_MAIL)] == [JobState.DONE] * 2, within=30)
        # By the worker, and not by the scheduler, which takes over while the broker is away.
        (name,) = set(re.findall(r"usher@([\w-]+)", (tmp_path / "worker.log").read_text()))
        assert {str(job.worker).partition("/")[0] for job in world.jobs()} == {name}
    assert {mail.recipient for mail in smtp.emails} == {"bob@corp.example", "dora@corp.example"}


def test_a_publisher_says_how_much_waits(rabbitmq: str) -> None:
    publisher = Publisher(rabbitmq)
    before = publisher.count_queued()
    publisher.publish_task(SEND_EMAIL, ["job_nobody"])
    eventually(lambda: publisher.count_queued() == before + 1)
    assert not publisher.evicts_keys()
    publisher.close()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(link.recv(1))
    except OSError:
        return False
