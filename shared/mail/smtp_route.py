"""The mail server and the security of the connection to it, read from SMTP_URL."""

import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qs, unquote, urlsplit

from shared.settings.loading import BadSettings
from shared.settings.settings import Settings

_LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Route:
    """The mail server, its credentials and its TLS options. `starttls` is require, auto or off."""

    host: str
    port: int
    implicit_tls: bool
    starttls: str
    user: str | None
    password: str
    tls: ssl.SSLContext
    greet_as: str

    @property
    def tls_is_due(self) -> bool:
        """Return True if STARTTLS is mandatory: it is required, or else a password would be sent unencrypted."""
        exposed = self.user is not None and self.starttls == "auto" and self.host not in _LOCAL
        return not self.implicit_tls and (self.starttls == "require" or exposed)


def route_of(settings: Settings) -> Route:
    """Parse the route from the settings. Raises `BadSettings` for an SMTP_URL that can't be used."""
    parts = urlsplit(settings.smtp_url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    starttls, authority = query.pop("starttls", "auto"), query.pop("ca", None)
    if query or starttls not in {"require", "auto", "off"} or not parts.hostname:
        raise BadSettings("USHER_SMTP_URL needs a host, and after the `?` it knows starttls=require|auto|off and ca=")
    return Route(
        host=parts.hostname,
        port=parts.port or (465 if parts.scheme == "smtps" else 25),
        implicit_tls=parts.scheme == "smtps",
        starttls=starttls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
        tls=_verifying(authority),
        # Name for EHLO. Looking up this machine's own name can take seconds with a slow DNS server.
        greet_as=urlsplit(settings.public_url).hostname or "localhost",
    )


@cache
def _verifying(authority: str | None) -> ssl.SSLContext:
    """TLS context that always verifies certificates. `ca=` adds an authority to those that the machine trusts."""
    context = ssl.create_default_context()
    if authority is not None:
        try:
            context.load_verify_locations(authority)
        except OSError as error:
            raise BadSettings(f"USHER_SMTP_URL: the authority {authority} can't be read ({error})") from error
    return context
