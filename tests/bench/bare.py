"""Flask views with the same SQL as ours and nothing else: the baseline of the benchmarks, measured in the same run."""

import json
import os
import threading
from secrets import token_hex
from typing import Any

import psycopg
from flask import Flask, request

from shared.ids import new_id
from shared.permissions import Permission, Role, allows
from tests.bench import people

_mine = threading.local()
_ROLE = "SELECT role FROM memberships WHERE account_id = %s AND user_id = %s"
_ROLES = (
    "SELECT m.role FROM unnest(string_to_array(%s, ','), string_to_array(%s, ',')) WITH ORDINALITY"
    " AS a (account_id, user_id, place) LEFT JOIN memberships m USING (account_id, user_id) ORDER BY a.place"
)

_FIELDS = "id, account_id, email, email_key, role, link_hash, status, delivery, invited_by, lifetime_seconds"
_FIXED = f"'checking', 'none', '{people.user_id(1)}', 604800, now(), now() + interval '7 days'"
_INSERT = (
    f"INSERT INTO invitations ({_FIELDS}, resendable_at, expires_at) VALUES"
    f" (%(id)s, %(account_id)s, %(email)s, %(email)s, %(role)s, decode(%(link)s, 'hex'), {_FIXED})"
)
_INSERT_MANY = (
    f"INSERT INTO invitations ({_FIELDS}, resendable_at, expires_at)"
    f" SELECT id, account_id, email, email, role, decode(link, 'hex'), {_FIXED}"
    " FROM json_to_recordset(%s::json) AS rows (id text, account_id text, email text, role text, link text)"
)
_MEMBERS = (
    "SELECT m.id, m.user_id, u.email, u.name, m.role, m.joined_at FROM memberships m JOIN users u ON u.id = m.user_id"
    " WHERE m.account_id = %s ORDER BY m.id LIMIT 51"
)
_INVITATIONS = (
    "SELECT id, email, role, status, created_at FROM invitations WHERE account_id = %s ORDER BY id DESC LIMIT 51"
)


def application() -> Flask:
    """Create the application that granian serves."""
    app = Flask("bare")

    @app.get("/healthz")
    def hello() -> str:
        return "hello"

    @app.post("/v1/check")
    def check() -> Any:
        asked = request.get_json()
        if "checks" not in asked:
            row = _database().execute(_ROLE, (asked["account_id"], asked["user_id"])).fetchone()
            return {"allowed": row is not None and allows(Role(row[0]), Permission(asked["permission"]))}
        accounts = ",".join(each["account_id"] for each in asked["checks"])
        users = ",".join(each["user_id"] for each in asked["checks"])
        rows = _database().execute(_ROLES, (accounts, users)).fetchall()
        return {
            "results": [
                {"allowed": role is not None and allows(role, each["permission"])}
                for (role,), each in zip(rows, asked["checks"], strict=True)
            ]
        }

    @app.post("/v1/accounts/<account_id>/invitations")
    def invite(account_id: str) -> Any:
        asked = request.get_json()
        row = _row(account_id, asked["email"], asked["role"])
        _database().execute(_INSERT, row)
        return {"id": row["id"]}, 202

    @app.post("/v1/accounts/<account_id>/invitations/batch")
    def invite_many(account_id: str) -> Any:
        rows = [_row(account_id, each["email"], each["role"]) for each in request.get_json()["invitations"]]
        _database().execute(_INSERT_MANY, (json.dumps(rows),))
        return {"results": [{"id": row["id"]} for row in rows]}, 207

    @app.get("/v1/accounts/<account_id>/members")
    def members(account_id: str) -> Any:
        return {"data": [list(row) for row in _database().execute(_MEMBERS, (account_id,)).fetchall()]}

    @app.get("/v1/accounts/<account_id>/invitations")
    def invitations(account_id: str) -> Any:
        return {"data": [list(row) for row in _database().execute(_INVITATIONS, (account_id,)).fetchall()]}

    return app


def _row(account_id: str, email: str, role: str) -> dict[str, str]:
    return {"id": new_id("inv"), "account_id": account_id, "email": email, "role": role, "link": token_hex(32)}


def _database() -> psycopg.Connection[Any]:
    if not hasattr(_mine, "connection"):
        _mine.connection = psycopg.connect(os.environ["USHER_DATABASE_URL"], autocommit=True)
    return _mine.connection
