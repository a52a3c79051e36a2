"""No secret is in the database, the broker or a log: every secret is searched for in all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psycopg
import redis
from psycopg.sql import SQL, Identifier

from tests.cli.processes import eventually
from tests.stack import OPERATOR_KEY, PASSWORD, Stack, link_in


@contextmanager
def overheard(broker_url: str) -> Iterator[list[str]]:
    """Every command that the broker receives during the block, with its arguments."""
    plain = broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    client = redis.Redis.from_url(plain, socket_timeout=None)
    lines: list[str] = []
    with client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                lines.append(command["command"])
                if "that is all" in command["command"]:
                    return

        ear = Thread(target=listen)
        ear.start()
        yield lines
        client.echo("that is all")
        ear.join(10)
    client.close()


def tables(database_url: str) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(database_url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [
            row
            for (name,) in names
            for row in connection.execute(SQL("SELECT t::text FROM {} t").format(Identifier(name)))
        ]
    # Text shows bytes as hex, so a secret that a row stores as bytes would appear like this.
    return "\n".join(text for (text,) in rows)


def logs(stack: Stack) -> str:
    return "\n".join(path.read_text(errors="replace") for path in sorted((stack.folder / "logs").iterdir()))


def test_no_token_and_no_password_is_kept_anywhere(servers_folder: Path, database_url: str, broker_url: str):
    place = {"USHER_DATABASE_URL": database_url, "USHER_BROKER_URL": broker_url, "USHER_LOG_LEVEL": "DEBUG"}
    with overheard(broker_url) as heard, Stack(servers_folder / "secrets", **place) as stack:
        token, account = stack.owner()
        proof = link_in(stack.mail_to("alice@corp.example"), "verify")
        body = {"email": "bob@corp.example", "role": "developer"}
        made = stack.ask("POST", f"/v1/accounts/{account}/invitations", body, token=token, Idempotency_Key="one")
        link = link_in(stack.mail_to("bob@corp.example"), "i")
        stack.ask("GET", f"/i/{link}")
        stack.ask("POST", "/v1/invitations/accept", {"token": "wrong" + link, "name": "B", "password": PASSWORD})
        stack.ask("POST", "/v1/password-resets", {"email": "alice@corp.example"})
        reset = link_in(stack.mail_to("alice@corp.example", subject="password"), "reset")
        signed_up = {"token": link, "name": "Bob", "password": PASSWORD}
        bobs = stack.ask("POST", "/v1/invitations/accept", signed_up, Idempotency_Key="two").json["token"]
        eventually(lambda: any("letters.mail" in line for line in heard))
        kept = tables(database_url)
        everything = "\n".join([*heard, kept, logs(stack)])
    assert made.json["id"] in kept
    assert "bob@corp.example" in kept
    for secret in (token, proof, link, reset, bobs, PASSWORD, OPERATOR_KEY):
        assert secret not in everything
        assert secret.encode().hex() not in everything
    assert "bob@corp.example" not in logs(stack)
