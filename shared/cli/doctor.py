"""`usher doctor`: checks everything that an installation needs, and reports problems and how to fix them."""

import os
import smtplib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from email.utils import parseaddr

import click
import dns.exception
import dns.resolver
from dns.nameserver import Do53Nameserver
from sqlalchemy.orm import Session

from shared import clock, migrations, policy_context
from shared.cli.database import command_transaction
from shared.cli.settings import settings_from
from shared.email_address import a_labels
from shared.errors import Unavailable
from shared.jobs import heartbeats, mail_pauses
from shared.jobs.publisher import BrokerUnavailable, Publisher
from shared.mail.smtp_connection import connect
from shared.mail.smtp_route import Route, route_of
from shared.models import ALL_MAIL, JobState, Part
from shared.operations import job_admin
from shared.settings.settings import Settings

DNS_SECONDS = 5
LONG_DUE_SECONDS = 60

_RESERVED = ("example", "test", "invalid", "localhost", "local")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check. `fix` is empty if nothing is wrong."""

    about: str
    found: str
    fix: str = ""


@click.command()
def doctor() -> None:
    """Check everything that this installation needs. The exit code is 1 if anything is wrong."""
    settings = settings_from(os.environ)
    findings = [Finding("settings", "valid")]
    for look in (_database, _broker, _mail_server, _lists, _sender):
        findings += look(settings)
    for finding in findings:
        click.echo(f"{'wrong' if finding.fix else 'ok':6}{finding.about:14}{finding.found}")
        if finding.fix:
            click.echo(f"{'':20}-> {finding.fix}")
    if any(finding.fix for finding in findings):
        raise click.exceptions.Exit(1)


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        with command_transaction(settings) as session:
            if migrations.missing(session.connection()):
                yield Finding("database", "schema is out of date", "Run `usher migrate`.")
                return
            yield Finding("database", "connected, schema is up to date")
            yield from _parts(session)
            yield from _jobs(session)
    except Unavailable as away:
        yield Finding("database", away.detail, "Start it, or fix USHER_DATABASE_URL.")


def _parts(session: Session) -> Iterator[Finding]:
    for part in Part:
        alive = len(heartbeats.list_alive(session, part))
        fix = "" if alive else f"Start one with `usher {part}`. Until then no emails are sent, but nothing is lost."
        yield Finding(f"{part}s", f"{alive} alive", fix)


def _jobs(session: Session) -> Iterator[Finding]:
    summary = job_admin.summary(session)
    oldest = max((depth.oldest_due_seconds for depth in summary.depths), default=0)
    late = oldest > LONG_DUE_SECONDS
    fix = "Run `usher jobs`, and start more workers if all are busy." if late else ""
    yield Finding("jobs", f"the oldest due job has waited for {oldest:.0f} s" if oldest else "no backlog", fix)
    dead = sum(depth.count for depth in summary.depths if depth.state == JobState.DEAD)
    if dead:
        yield Finding("dead jobs", f"{dead}; see /v1/jobs?state=dead for the reasons, fix them, then retry")
    for pause in mail_pauses.in_force(session):
        whose = "all email" if pause.lane == ALL_MAIL else f"email to {pause.lane}"
        fix = "Fix the cause. Emails resume by themselves." if pause.lane == ALL_MAIL else ""
        yield Finding("pause", f"{whose} is paused until {pause.until:%H:%M:%S} UTC. {pause.why}", fix)


def _broker(settings: Settings) -> Iterator[Finding]:
    with closing(Publisher(settings.broker_url)) as publisher:
        try:
            waiting, evicts = publisher.count_queued(), publisher.evicts_keys()
        except BrokerUnavailable as away:
            yield Finding(
                "broker", f"unavailable: {away}", "Start it, or fix USHER_BROKER_URL. Emails are sent more slowly."
            )
            return
    fix = "Set its maxmemory-policy to noeviction, or it drops queues when full." if evicts else ""
    yield Finding("broker", f"connected, {waiting} messages waiting", fix)


def _mail_server(settings: Settings) -> Iterator[Finding]:
    route = route_of(settings)
    where = f"{route.host}:{route.port}"
    try:
        with _talking(route) as server:
            _greet(server, route)
            secured = "over TLS" if hasattr(server.sock, "cipher") else "without TLS"
    except (OSError, smtplib.SMTPException) as trouble:
        message = " ".join(str(trouble).split())[:200]
        yield Finding(
            "mail server", f"{where}: {message}", "Fix it, or fix USHER_SMTP_URL. Emails wait until it works."
        )
        return
    signed_in = f", signed in as {route.user}" if route.user else ""
    yield Finding("mail server", f"{where} is ready, {secured}{signed_in}")


@contextmanager
def _talking(route: Route) -> Iterator[smtplib.SMTP]:
    server = connect(route)
    try:
        yield server
    finally:
        server.close()


def _greet(server: smtplib.SMTP, route: Route) -> None:
    """Do everything that precedes an email: greet the server, start TLS, sign in."""
    server.ehlo_or_helo_if_needed()
    if route.tls_is_due or (route.starttls == "auto" and not route.implicit_tls and server.has_extn("starttls")):
        server.starttls(context=route.tls)
    if route.user is not None:
        server.login(route.user, route.password)


def _lists(settings: Settings) -> Iterator[Finding]:
    networks = policy_context.load(settings).networks
    for loaded in networks.loaded():
        wrong = loaded.error or loaded.gap(clock.now())
        dated = f"from {loaded.dated:%Y-%m-%d}" if loaded.dated else "missing"
        yield Finding("list", f"{loaded.source.name}: {wrong or dated}", "See USHER_NETWORK_LISTS." if wrong else "")


def _sender(settings: Settings) -> Iterator[Finding]:
    domain = a_labels(parseaddr(settings.mail_from)[1].rpartition("@")[2])
    if domain.rpartition(".")[2] in _RESERVED:
        yield Finding("sender", f"{domain} is reserved for examples, so its emails stay on this machine")
        return
    yield from _record(
        settings, "SPF", domain, "v=spf1", f'Publish a TXT record at {domain}: "v=spf1 include:... -all".'
    )
    policy = f"_dmarc.{domain}"
    yield from _record(settings, "DMARC", policy, "v=DMARC1", f'Publish a TXT record at {policy}: "v=DMARC1; p=none".')
    yield from _looked_up(
        "DKIM", lambda: _has_dkim(settings, domain), "Configure the mail server to sign, and publish its key."
    )


def _record(settings: Settings, name: str, where: str, begins: str, fix: str) -> Iterator[Finding]:
    def found() -> str:
        answer = _resolver(settings).resolve(where, "TXT")
        texts = [b"".join(row.strings).decode(errors="replace") for row in answer]
        return next((text for text in texts if text.startswith(begins)), "")

    yield from _looked_up(name, found, fix)


def _looked_up(name: str, ask: Callable[[], str], fix: str) -> Iterator[Finding]:
    try:
        found = ask()
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        found = ""
    except dns.exception.DNSException as trouble:
        yield Finding(name, f"the lookup failed: {type(trouble).__name__}", "Fix the DNS settings of this machine.")
        return
    yield Finding(name, found[:100] or "no record: receivers will distrust our emails", "" if found else fix)


def _has_dkim(settings: Settings, domain: str) -> str:
    """Test if any DKIM key may exist. The selector of the mail server is unknown, but the parent name must not be
    NXDOMAIN.
    """
    with suppress(dns.resolver.NoAnswer):
        _resolver(settings).resolve(f"_domainkey.{domain}", "TXT")
    return f"keys are published below _domainkey.{domain}"


def _resolver(settings: Settings) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=not settings.dns_servers)
    if settings.dns_servers:
        resolver.nameservers = [Do53Nameserver(*server) for server in settings.dns_servers]
    resolver.lifetime = DNS_SECONDS
    return resolver
