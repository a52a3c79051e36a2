"""Where mail leaves and how the way there is secured, read from SMTP_URL."""

import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qs, unquote, urlsplit

from shared.settings.loading import BadSettings
from shared.settings.settings import Settings

_LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Route:
    """The mail server, its credentials, and how the connection is secured; `starttls` is require, auto or off."""

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
        """Whether to insist on STARTTLS: it was asked for, or a password would cross the network in the clear."""
        exposed = self.user is not None and self.starttls == "auto" and self.host not in _LOCAL
        return not self.implicit_tls and (self.starttls == "require" or exposed)


def route_of(settings: Settings) -> Route:
    """The route that the settings name; raises `BadSettings` where SMTP_URL can't be followed."""
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
        # The name in the greeting: looking up this machine's own can take seconds where its DNS is poor.
        greet_as=urlsplit(settings.public_url).hostname or "localhost",
    )


@cache
def _verifying(authority: str | None) -> ssl.SSLContext:
    """Certificates are always verified; `ca=` adds an authority to those that the machine trusts."""
    context = ssl.create_default_context()
    if authority is not None:
        try:
            context.load_verify_locations(authority)
        except OSError as error:
            raise BadSettings(f"USHER_SMTP_URL: the authority {authority} can't be read ({error})") from error
    return context
