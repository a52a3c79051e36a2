"""What columns are called, in any of the languages that lists come in."""

import re
from enum import StrEnum
from functools import lru_cache

from shared.folding import fold


class Column(StrEnum):
    """What a column is for. `OTHER` is known not to be needed."""

    EMAIL = "email"
    ROLE = "role"
    MESSAGE = "message"
    NAME = "name"
    OTHER = "other"


_CALLED = {
    Column.EMAIL: "email emails mail emailaddress emailaddresses mailaddress emailadresse emailadressen mailadresse "
    "correo correos correoelectronico correoselectronicos direcciondecorreo direcciondecorreoelectronico "
    "direccioncorreo direccioncorreoelectronico courriel courriels adressecourriel adresseemail adressemail "
    "adresseelectronique correioeletronico correioelectronico enderecodeemail",
    Column.ROLE: "role roles userrole rolename accountrole teamrole rolle rollen benutzerrolle rol rolesdeusuario "
    "roldeusuario papel funcao perfil permission permissions berechtigung berechtigungen permiso permisos access "
    "accesslevel zugriff",
    Column.MESSAGE: "message messages personalmessage invitationmessage nachricht personlichenachricht einladungstext "
    "mensaje mensajepersonal mensagem mensagempessoal messagepersonnel",
    Column.NAME: "name names fullname firstname lastname givenname familyname surname displayname username vorname "
    "nachname familienname vollstandigername anzeigename nombre nombres nombrecompleto apellido apellidos nom prenom "
    "nomcomplet nomdefamille nome nomecompleto sobrenome apelido",
    Column.OTHER: "id no nr number company firma empresa entreprise department abteilung departamento departement "
    "service team title jobtitle position titel cargo puesto poste phone telephone telefon telefono telefone mobile "
    "country land pais pays city stadt ciudad ville cidade location standort ubicacion notes notizen notas status date "
    "datum fecha created lastlogin",
}
_MEANS = {name: column for column, names in _CALLED.items() for name in names.split()}


@lru_cache(512)
def meaning(name: str) -> Column | None:
    """What a column of this name is for; None where that isn't known."""
    return _MEANS.get(_plain(name))


def mentions_mail(name: str) -> bool:
    """Whether the name speaks of email, as `Work email` does."""
    return "@" not in name and "mail" in _plain(name)


def _plain(name: str) -> str:
    return re.sub(r"[\W\d_]+", "", fold(name[:200])).casefold()
