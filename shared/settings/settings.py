"""All settings, read once from the environment, typed and frozen. An invalid configuration stops the start.

Each setting is `USHER_<NAME>`. For secrets in files, `USHER_<NAME>_FILE` names a file that contains the value.
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
    """The configuration of one process. The web server, workers, scheduler and commands share it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: Annotated[str, url("postgresql")] = Field(
        description="PostgreSQL, 14 or newer: `postgresql://user:password@host/database`."
    )
    broker_url: Annotated[str, url("redis", "rediss", "redis+socket", "amqp", "amqps")] = Field(
        description="The broker: Valkey or Redis, `redis://host:6379/0`, or RabbitMQ, "
        "`amqp://user:password@host:5672//`."
    )
    smtp_url: Annotated[str, url("smtp", "smtps")] = Field(
        description="The mail server: `smtp://user:password@host:587?starttls=require` (or `starttls=off`, "
        "`starttls=auto`, the default), or `smtps://host:465`. Certificates are verified; "
        "`&ca=/path.pem` adds a certificate authority."
    )
    mail_from: Mailbox = Field(description="The sender of every email: `Acme <invitations@acme.com>`.")
    mail_events_key: SigningKey | None = Field(
        default=None,
        description="The key your email provider signs `POST /v1/mail-events` with (Standard Webhooks), 16 characters "
        "or more. Without it Usher doesn't learn of deliveries, bounces and complaints.",
    )
    public_url: PublicUrl = Field(description="The public address of this service. Links in emails begin with it.")
    secret_keys: SecretKeys = Field(
        description="Keys that sign links and cookies, newest first, 32 characters or more each. Older keys still "
        "verify."
    )
    operator_key: Key | None = Field(
        default=None,
        description="The bearer key of the operator, 16 characters or more. Without it there is no operator.",
    )
    trusted_proxies: Networks = Field(
        default=(), description="Networks of your reverse proxies, whose `X-Forwarded-For` is trusted."
    )
    personal_domains_extra: CommaSeparated = Field(
        default=(), description="Domains of personal email providers, in addition to the built-in list."
    )
    dns_servers: NameServers = Field(
        default=(),
        description="Name servers that look up email domains: `192.0.2.1:53,...`. Default: the system's own.",
    )
    dns_timeout: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(seconds=30))] = Field(
        default=timedelta(seconds=3), description="Time limit for one lookup of an email domain, up to 30s."
    )
    reserved_domains: Literal["look_up", "allow"] = Field(
        default="look_up",
        description="Domains reserved for examples (RFC 2606), such as corp.example: `look_up` treats them like any "
        "other domain and so refuses them; `allow` accepts them. `usher up` uses `allow` without DNS_SERVERS.",
    )
    network_lists: Annotated[tuple[ListSource, ...], BeforeValidator(parse_sources)] = Field(
        default=(),
        description="Lists of networks, `kind=path-or-url,...`; kinds: vpn tor proxy datacenter relay enterprise (lines"
        " of networks or addresses, or the Tor CSV), mmdb (MaxMind Anonymous IP or Plus), ip2proxy (BIN).",
    )
    proxy_policy: Annotated[ProxyPolicy, BeforeValidator(lambda text: parse_policy(text, FOR_PEOPLE))] = Field(
        default=FOR_PEOPLE,
        validate_default=True,
        description="Actions for people who invite through a proxy, `kind=block|hold|warn|off,...`. Kinds left out "
        "keep their default.",
    )
    proxy_policy_api_keys: Annotated[ProxyPolicy, BeforeValidator(lambda text: parse_policy(text, FOR_API_KEYS))] = (
        Field(
            default=FOR_API_KEYS,
            validate_default=True,
            description="Like PROXY_POLICY, for programs with an API key, because servers run in data centers.",
        )
    )
    unknown_policy: Literal["allow", "hold"] = Field(
        default="allow",
        description="Action for an invitation that a check can't decide because facts are missing: `allow` or `hold`.",
    )
    held_release_by: Literal["operator", "owner"] = Field(
        default="operator",
        description="Who can approve or reject held invitations: only the `operator`, or the account's `owner` too.",
    )
    billing_url: Annotated[str, url("http", "https")] | None = Field(
        default=None,
        description="Address of the billing system that knows the contracts. Without it you set them through the API.",
    )
    billing_key: Key | None = Field(
        default=None,
        validate_default=True,
        description="The key that signs requests to BILLING_URL, 16 characters or more.",
    )
    minimum_commitment: MonthlySpend = Field(
        default=Money(amount=Decimal(750), currency="USD"),
        description="The minimum committed monthly spend that lets an account invite people.",
    )
    invitation_ttl: Annotated[Duration, Field(ge=timedelta(hours=1), le=timedelta(days=30))] = Field(
        default=timedelta(days=7),
        description="Time until an invitation expires, unless its account sets another: 1h to 30d.",
    )
    resend_cooldown: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))] = Field(
        default=timedelta(seconds=60),
        description="Time until the same invitation can be resent: 0s to 1d.",
    )
    invitations_per_hour: Count = Field(
        default=1200,
        description="Invitations and resends per hour for an account with the minimum commitment. The limit grows with "
        "the commitment, up to ten times. The operator can set a different limit for an account.",
    )
    invitations_per_day: Count = Field(default=3000, description="Like INVITATIONS_PER_HOUR, per day.")
    invitations_per_inviter: Count = Field(
        default=1200, description="Like INVITATIONS_PER_HOUR, for one user or API key across all accounts."
    )
    invitations_open: Count = Field(
        default=5000, description="Like INVITATIONS_PER_HOUR, for invitations pending at the same time."
    )
    new_domains_per_day: Count = Field(
        default=10, description="Like INVITATIONS_PER_HOUR, for new recipient domains per day."
    )
    emails_per_recipient: Count = Field(
        default=10,
        description="Invitation emails to one recipient per day across all accounts. Addresses that differ only in "
        "+tags or Gmail dots count as one recipient.",
    )
    session_ttl: Annotated[Duration, Field(ge=timedelta(minutes=5), le=timedelta(days=90))] = Field(
        default=timedelta(days=14), description="Time until a session ends: 5m to 90d."
    )
    breached_passwords_url: Annotated[str, url("http", "https")] | None = Field(
        default=None,
        description="Service that checks new passwords for known breaches, such as "
        "`https://api.pwnedpasswords.com/range`. It receives only five digits of the SHA-1. No check happens without "
        "this setting or while the service doesn't answer.",
    )
    jobs_kept: Annotated[Duration, Field(ge=timedelta(days=1), le=timedelta(days=3650))] = Field(
        default=timedelta(days=90),
        description="Time until a finished job is deleted: 1d to 3650d.",
    )
    audit_kept: Annotated[Duration, Field(ge=timedelta(days=90), le=timedelta(days=36500))] | None = Field(
        default=None,
        description="Minimum age of audit events that `usher audit archive` moves out of the database: 90d to 36500d. "
        "Without it they stay in the database forever.",
    )
    web_host: str = Field(default="127.0.0.1", description="The address that the web server listens on.")
    web_hosts: Literal["any", "public_url"] = Field(
        default="any",
        description="`Host` headers that the web server accepts: `any`, if a proxy in front decides, or `public_url`, "
        "only the host of PUBLIC_URL and loopback names, as with `usher up`. `/healthz` and `/readyz` always answer.",
    )
    web_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=8000, description="The port that the web server listens on."
    )
    web_processes: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1,
        description="Processes of one web server. Each opens up to two database connections per thread.",
    )
    web_threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default=8, description="Requests that one web process handles at the same time."
    )
    worker_processes: Annotated[int, Field(ge=1, le=256)] = Field(
        default=2, description="Processes of one worker. Each has its own connection to the mail server."
    )
    journal_dir: Path | None = Field(
        default=None,
        description="A local folder where workers record which emails the mail server accepted, so a killed worker "
        "causes no duplicates. Default: a folder in the system's temporary folder.",
    )
    worker_metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None,
        description="Port on WEB_HOST where Prometheus reads the metrics of one worker or scheduler. None by default.",
    )
    metrics: Annotated[str, Field(pattern="^(anyone|operator|off)$")] = Field(
        default="anyone", description="Who may read `/metrics` of the web server: anyone, operator or off."
    )
    otlp_endpoint: Annotated[str, url("http", "https")] | None = Field(
        default=None,
        description="Where OpenTelemetry traces go: `http://host:4318/v1/traces` (needs `usher[otel]`). Default: off.",
    )
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    mailbox_dir: Path | None = Field(
        default=None, description="Set by `usher up`: the folder of caught emails that the mailbox page shows."
    )

    @field_validator("billing_key")
    @classmethod
    def _signs(cls, key: str | None, info: ValidationInfo) -> str | None:
        if key is None and info.data.get("billing_url") is not None:
            raise ValueError("is missing; requests to BILLING_URL are signed with it")
        return key

    @property
    def over_tls(self) -> bool:
        """True if people reach this service over TLS."""
        return self.public_url.startswith("https://")
