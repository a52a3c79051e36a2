"""Roles as people write them, in any of the languages that lists come in."""

import re
from difflib import get_close_matches
from functools import lru_cache

from shared.errors import Reason
from shared.folding import fold
from shared.permissions import ASSIGNABLE, Role
from shared.recipient_lists import reasons

_WRITTEN = {
    Role.OWNER: "owner accountowner inhaber inhaberin eigentumer eigentumerin propietario propietaria proprietaire "
    "proprietario proprietaria",
    Role.ADMIN: "admin administrator administratorin administrador administradora administrateur administratrice",
    Role.DEVELOPER: "developer dev entwickler entwicklerin desarrollador desarrolladora developpeur developpeuse "
    "desenvolvedor desenvolvedora",
    Role.FINANCE_ANALYST: "financeanalyst financialanalyst finanzanalyst finanzanalystin analistafinanciero "
    "analistafinanciera analistadefinanzas analystefinancier analystefinanciere analistafinanceiro analistafinanceira",
    Role.SUPPORT: "support soporte suporte",
}
_ROLES = {word: role for role, words in _WRITTEN.items() for word in words.split()}
_FOREIGN = (
    "viewer view editor edit member user guest manager readonly reader read superadmin superuser contributor billing "
    "finance analyst operator betrachter leser mitglied benutzer gast miembro usuario invitado lector membre "
    "utilisateur invite membro convidado"
)
_OTHERS = frozenset(_FOREIGN.split())
"""What other products call their roles: a word that is meant as a role, and names none of ours."""


def role_of(text: str) -> Role | None:
    """The role of this name, in whatever case, language or spelling with blanks, hyphens and underscores."""
    return _ROLES.get(_plain(text))


@lru_cache(2048)
def is_meant_as_role(text: str) -> bool:
    """Whether a cell with this text is there for a role, known or misspelled, or one that other products have."""
    word = _plain(text)
    return word in _ROLES or word in _OTHERS or _is_misspelled(word)


def unknown(text: str) -> Reason:
    """Why the text is refused as a role, with those that can be given and the nearest of them."""
    close = get_close_matches(_plain(text)[:60], [word for word, role in _ROLES.items() if role in ASSIGNABLE], 1, 0.6)
    nearest = _shown(_ROLES[close[0]]) if close else None
    *others, last = (_shown(role) for role in Role if role in ASSIGNABLE)
    return reasons.role_unknown(text, f"{', '.join(others)} or {last}", nearest)


def _is_misspelled(word: str) -> bool:
    alike = [role for role in _ROLES if role[0] == word[:1] and abs(len(role) - len(word)) < 3]
    return len(word) > 3 and bool(get_close_matches(word, alike, 1, 0.8))


def _shown(role: Role) -> str:
    return role.replace("_", " ").capitalize()


@lru_cache(2048)
def _plain(text: str) -> str:
    """`Entwickler:in` and `finance_analyst` without what stands between the letters."""
    return re.sub(r"[\W_]+", "", fold(text[:200])).casefold()
