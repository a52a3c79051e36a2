"""Every setting, read once from the environment, typed, frozen; a half-set start is refused with all problems named.

Each setting is `USHER_<NAME>`; for secrets in files, `USHER_<NAME>_FILE` names a file that holds the value.
"""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from shared.policy import FOR_API_KEYS, FOR_PEOPLE, ListSource, ProxyPolicy, parse_policy, parse_sources
from shared.settings.types import (
    CommaSeparated,
    Duration,
    Key,
    Mailbox,
    Money,
    MonthlySpend,
    NameServers,
    Networks,
    PublicUrl,
    SecretKeys,
    SigningKey,
    url,
)

Count = Annotated[int, Field(ge=0, le=100_000_000)]


class Settings(BaseModel):
    """What one process is told about the world; the same for web, workers, scheduler and commands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: Annotated[str, url("postgresql")] = Field(
        description="PostgreSQL, 14 or newer: `postgresql://user:password@host/database`."
    )
    broker_url: Annotated[str, url("redis", "rediss", "redis+socket", "amqp", "amqps")] = Field(
        description="The broker: a server that speaks Redis' protocol, `redis://host:6379/0`, or RabbitMQ, "
        "`amqp://user:password@host:5672//`."
    )
    smtp_url: Annotated[str, url("smtp", "smtps")] = Field(
        description="The mail server: `smtp://user:password@host:587?starttls=require` (or `starttls=off`, "
        "`starttls=auto`, the default), or `smtps://host:465`. Certificates are verified; "
        "`&ca=/path.pem` adds an authority."
    )
    mail_from: Mailbox = Field(description="The sender of every mail: `Acme <invitations@acme.com>`.")
    mail_events_key: SigningKey | None = Field(
        default=None,
        description="The key that your mail system signs `POST /v1/mail-events` with (Standard Webhooks), 16 "
        "characters or more; without it deliveries, bounces and complaints are not heard of.",
    )
    public_url: PublicUrl = Field(description="The address people reach this service at; links in mails begin with it.")
    secret_keys: SecretKeys = Field(
        description="Keys that links and cookies are made with, newest first, 32 characters or more each; "
        "older ones still verify."
    )
    operator_key: Key | None = Field(
        default=None,
        description="The bearer key of the operator, 16 characters or more; none means that nobody is.",
    )
    trusted_proxies: Networks = Field(
        default=(), description="Networks of the proxies in front, whose `X-Forwarded-For` is believed."
    )
    personal_domains_extra: CommaSeparated = Field(
        default=(), description="Mail domains to count as personal beside the list that is shipped."
    )
    dns_servers: NameServers = Field(
        default=(), description="Name servers to ask for mail domains: `192.0.2.1:53,...`; none means the system's own."
    )
    dns_timeout: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(seconds=30))] = Field(
        default=timedelta(seconds=3), description="How long one look-up of a mail domain may take, up to 30s."
    )
    reserved_domains: Literal["look_up", "allow"] = Field(
        default="look_up",
        description="Names reserved for examples (RFC 2606), such as corp.example: `look_up` like any other, which "
        "refuses them, or `allow`, as `usher up` has it where no DNS_SERVERS are named.",
    )
    network_lists: Annotated[tuple[ListSource, ...], BeforeValidator(parse_sources)] = Field(
        default=(),
        description="Lists of networks, `kind=path-or-url,...`; kinds: vpn tor proxy datacenter relay enterprise (lines"
        " of networks or addresses, or the Tor CSV), mmdb (MaxMind Anonymous IP or Plus), ip2proxy (BIN).",
    )
    proxy_policy: Annotated[ProxyPolicy, BeforeValidator(lambda text: parse_policy(text, FOR_PEOPLE))] = Field(
        default=FOR_PEOPLE,
        validate_default=True,
        description="What is done about people who invite through a proxy, `kind=block|hold|warn|off,...`; kinds that "
        "are left out stay as they are.",
    )
    proxy_policy_api_keys: Annotated[ProxyPolicy, BeforeValidator(lambda text: parse_policy(text, FOR_API_KEYS))] = (
        Field(
            default=FOR_API_KEYS,
            validate_default=True,
            description="The same for programs that invite with an API key: servers live in data centres.",
        )
    )
    unknown_policy: Literal["allow", "hold"] = Field(
        default="allow",
        description="What becomes of an invitation that a check can't judge for want of facts: `allow` or `hold`.",
    )
    held_release_by: Literal["operator", "owner"] = Field(
        default="operator",
        description="Who releases or refuses held invitations: the `operator` alone, or the account's `owner` as well.",
    )
    billing_url: Annotated[str, url("http", "https")] | None = Field(
        default=None,
        description="Where the operator's billing system tells of contracts; without it they are set by the API.",
    )
    billing_key: Key | None = Field(
        default=None,
        validate_default=True,
        description="The key that requests to BILLING_URL are signed with, 16 characters or more.",
    )
    minimum_commitment: MonthlySpend = Field(
        default=Money(amount=Decimal(750), currency="USD"),
        description="The least committed monthly spend that lets an account invite.",
    )
    invitation_ttl: Annotated[Duration, Field(ge=timedelta(hours=1), le=timedelta(days=30))] = Field(
        default=timedelta(days=7), description="How long an invitation can be accepted: 1h to 30d."
    )
    resend_cooldown: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))] = Field(
        default=timedelta(seconds=60),
        description="How long until the same invitation can be sent again: 0s to 1d.",
    )
    invitations_per_hour: Count = Field(
        default=1200,
        description="Invitations, resends among them, that an account on the minimum commitment can send in an hour; "
        "twice the commitment allows twice as many, and so on, up to ten times. The operator can set an account's own.",
    )
    invitations_per_day: Count = Field(default=3000, description="The same for a day.")
    invitations_per_inviter: Count = Field(
        default=1200, description="The same for an hour of one user or API key, over all accounts."
    )
    invitations_open: Count = Field(default=5000, description="The same for invitations that are open at a time.")
    new_domains_per_day: Count = Field(
        default=10, description="The same for recipient domains in a day that the account has not invited to before."
    )
    emails_per_recipient: Count = Field(
        default=10,
        description="Invitation emails to one recipient in a day, over all accounts; +tags and Gmail dots don't make "
        "another recipient.",
    )
    session_ttl: Annotated[Duration, Field(ge=timedelta(minutes=5), le=timedelta(days=90))] = Field(
        default=timedelta(days=14), description="How long a sign-in lasts: 5m to 90d."
    )
    breached_passwords_url: Annotated[str, url("http", "https")] | None = Field(
        default=None,
        description="Where to ask whether a new password was in a breach, such as "
        "`https://api.pwnedpasswords.com/range`: only five digits of its SHA-1 are sent. Unset, nobody is asked; while "
        "it does not answer, passwords are accepted.",
    )
    jobs_kept: Annotated[Duration, Field(ge=timedelta(days=1), le=timedelta(days=3650))] = Field(
        default=timedelta(days=90),
        description="How long a finished job stays to be looked at: 1d to 3650d.",
    )
    audit_kept: Annotated[Duration, Field(ge=timedelta(days=90), le=timedelta(days=36500))] | None = Field(
        default=None,
        description="How old an event of the audit is at the least when `usher audit archive` takes it out of the "
        "database: 90d to 36500d; without it the audit stays there for ever.",
    )
    web_host: str = Field(default="127.0.0.1", description="The address that the web server listens at.")
    web_hosts: Literal["any", "public_url"] = Field(
        default="any",
        description="Which `Host` header the web server answers: `any`, for a proxy in front to decide, or "
        "`public_url`, that host and loopback names alone, as `usher up` has it. `/healthz` and `/readyz` always "
        "answer.",
    )
    web_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=8000, description="The port that the web server listens at."
    )
    web_processes: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1,
        description="Processes of one web server; each opens up to two database connections for each of its threads.",
    )
    web_threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default=8, description="Requests that one web process answers at a time."
    )
    worker_processes: Annotated[int, Field(ge=1, le=256)] = Field(
        default=2, description="Processes of one worker; each mails over a connection of its own."
    )
    journal_dir: Path | None = Field(
        default=None,
        description="A folder of this machine where workers note what the mail server took, so that a killed one costs "
        "no second copies; by default one of the system's temporary folders.",
    )
    worker_metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None,
        description="A port at WEB_HOST where Prometheus reads what one worker or scheduler counts; none by default.",
    )
    metrics: Annotated[str, Field(pattern="^(anyone|operator|off)$")] = Field(
        default="anyone", description="Who may read `/metrics` of the web server: anyone, operator or off."
    )
    otlp_endpoint: Annotated[str, url("http", "https")] | None = Field(
        default=None,
        description="Where OpenTelemetry traces go, by default nowhere (`usher[otel]`): `http://host:4318/v1/traces`.",
    )
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    mailbox_dir: Path | None = Field(
        default=None, description="Set by `usher up`: the folder of caught mails that the mailbox page shows."
    )

    @field_validator("billing_key")
    @classmethod
    def _signs(cls, key: str | None, info: ValidationInfo) -> str | None:
        if key is None and info.data.get("billing_url") is not None:
            raise ValueError("is missing; requests to BILLING_URL are signed with it")
        return key

    @property
    def over_tls(self) -> bool:
        """Whether people reach this service over TLS."""
        return self.public_url.startswith("https://")
