"""Flask views that do the same SQL as ours and nothing else: what ours is measured against, in the same run."""

import os
import threading
from typing import Any

import psycopg
from flask import Flask, request

from shared.permissions import Permission, Role, allows

_mine = threading.local()
_ROLE = "SELECT role FROM memberships WHERE account_id = %s AND user_id = %s"
_ROLES = (
    "SELECT m.role FROM unnest(string_to_array(%s, ','), string_to_array(%s, ',')) WITH ORDINALITY"
    " AS a (account_id, user_id, place) LEFT JOIN memberships m USING (account_id, user_id) ORDER BY a.place"
)


def application() -> Flask:
    """What granian serves."""
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

    return app


def _database() -> psycopg.Connection[Any]:
    if not hasattr(_mine, "connection"):
        _mine.connection = psycopg.connect(os.environ["USHER_DATABASE_URL"], autocommit=True)
    return _mine.connection
