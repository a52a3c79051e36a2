"""Five kinds of callers of a running service, each with a separate account and the ids of things in it."""

from dataclasses import dataclass
from typing import Any

from tests.stack import OPERATOR_KEY, PASSWORD, Stack, link_in

KINDS = ("anonymous", "owner", "support", "api key", "operator")


@dataclass(frozen=True)
class Caller:
    """A credential (none if anonymous) and real values: ids for path parameters by name, and tokens of links."""

    kind: str
    token: str | None
    ids: dict[str, list[str]]
    links: list[str]


class Furnished:
    """An account with invitations, members, keys, exceptions and jobs, created over HTTP for one kind of caller."""

    def __init__(self, stack: Stack, kind: str) -> None:
        self._stack, self._name = stack, kind.replace(" ", "-")
        self._owner, self._account = stack.owner(f"owner@{self._name}.example")
        self._path = f"/v1/accounts/{self._account}"

    def caller(self, kind: str) -> Caller:
        support = self._join("weak", "support")
        key = self._made(f"{self._path}/api-keys", {"name": "Trials", "role": "admin"})["key"]
        tokens = dict(zip(KINDS, (None, self._owner, support, key, OPERATOR_KEY), strict=True))
        return Caller(kind, tokens[kind], self._ids(), [self._link(f"guest{number}") for number in range(3)])

    def _ids(self) -> dict[str, list[str]]:
        for number in range(2):
            self._join(f"member{number}", "developer")
        rule = {"effect": "allow", "subject": "domain", "value": f"{self._name}.example", "reason": "Tried."}
        places = (f"{self._path}/exceptions", "/v1/exceptions")
        keys = [self._made(f"{self._path}/api-keys", {"name": "Spare", "role": "support"})["id"] for _ in range(2)]
        return {
            "account_id": [self._account],
            "invitation_id": [self._invite(f"guest{number}")["id"] for number in range(5)],
            "member_id": [each["id"] for each in self._first_ids("members") if each["role"] == "developer"],
            "key_id": keys,
            "exception_id": [self._made(place, rule, token=OPERATOR_KEY)["id"] for place in places],
            "job_id": [job["id"] for job in self._first_ids("jobs")],
        }

    def _invite(self, name: str, role: str = "developer") -> Any:
        return self._made(f"{self._path}/invitations", {"email": f"{name}@{self._name}.example", "role": role})

    def _join(self, name: str, role: str) -> str:
        """The session token of a new member."""
        self._invite(name, role)
        body = {"token": self._link(name), "name": "Sam", "password": PASSWORD}
        return str(self._made("/v1/invitations/accept", body, token=None)["token"])

    def _link(self, name: str) -> str:
        return link_in(self._stack.mail_to(f"{name}@{self._name}.example"), "i")

    def _first_ids(self, what: str) -> Any:
        return self._stack.ask("GET", f"{self._path}/{what}?limit=9", token=self._owner).json["data"]

    def _made(self, path: str, body: Any, *, token: str | None = "") -> Any:
        answer = self._stack.ask("POST", path, body, token=self._owner if token == "" else token)
        assert answer.status in {200, 201, 202}, answer.body
        return answer.json
