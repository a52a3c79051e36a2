"""Five hundred invitations while the broker is wiped and workers die: none is lost, and hardly one is sent twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import redis

from tests.cli.processes import eventually
from tests.smtp_server import SmtpServer
from tests.stack import Stack

INVITATIONS = 500
AT_A_TIME = 4
A_HANDFUL = 25
"""Three kills, each with a bounded number of emails that were accepted but not yet recorded."""


def test_five_hundred_invitations_all_arrive(servers_folder: Path, database_url: str):
    with Stack(servers_folder / "chaos", USHER_DATABASE_URL=database_url) as stack:
        token, account = stack.owner()
    with SmtpServer() as smtp:
        settings = {"USHER_DATABASE_URL": database_url, "USHER_SMTP_URL": smtp.url("?starttls=off")}
        with Stack(servers_folder / "chaos", **settings) as stack:
            broker = redis.Redis(unix_socket_path=str(next((stack.folder / "valkey").glob("*.sock"))))

            def invite(number: int) -> str:
                if number in {150, 350}:
                    broker.flushall()
                if number in {100, 250, 400}:
                    stack.kill("usher worker")
                body = {"email": f"guest{number}@corp.example", "role": "support"}
                answer = stack.ask("POST", f"/v1/accounts/{account}/invitations", body, token=token)
                assert answer.status == 202, answer.body
                return body["email"]

            with ThreadPoolExecutor(AT_A_TIME) as threads:
                acknowledged = set(threads.map(invite, range(INVITATIONS)))
            arrived = Counter[str]()

            def all_there() -> bool:
                arrived.clear()
                arrived.update(mail.recipient for mail in list(smtp.emails))
                return arrived.keys() >= acknowledged

            eventually(all_there, within=120)
            path = f"/v1/accounts/{account}/invitations?delivery=queued"
            eventually(lambda: stack.ask("GET", path, token=token).json["data"] == [], within=60)
    assert len(acknowledged) == INVITATIONS
    assert sum(arrived.values()) - len(arrived) <= A_HANDFUL
