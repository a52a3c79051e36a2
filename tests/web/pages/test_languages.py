"""Every page in every language: nothing is untranslated, and no translation loses a placeholder."""

import re

import pytest

from shared.models import User
from tests.web.pages import catalogues
from web.ui.i18n import NAMES

OTHERS = [tag for tag in NAMES if tag != "en"]
_PLACES = re.compile(r"%\(\w+\)[sd]|</?\w+>")


@pytest.mark.parametrize("tag", OTHERS)
def test_everything_that_a_page_says_is_translated(tag):
    catalogue = catalogues.read(tag)
    missing = []
    for text in catalogues.texts():
        known = catalogue.get(text if isinstance(text, str) else text[0])
        strings = known.string if known is not None and isinstance(known.string, tuple) else (known and known.string,)
        if not all(strings):
            missing.append(text)
    assert missing == [], "run `make catalogues` and translate what is new"


@pytest.mark.parametrize("tag", OTHERS)
def test_a_translation_keeps_every_name_and_mark_of_the_original(tag):
    for message in catalogues.read(tag):
        originals = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for string in strings if message.id else ():
            assert sorted(_PLACES.findall(string)) == sorted(_PLACES.findall(originals[-1])), string


def test_a_browser_is_answered_in_its_language_and_carol_in_hers(window, world, carol):
    page = window.http.get("/", headers={"Accept": "text/html", "Accept-Language": "fr, de;q=0.9, en;q=0.8"}).text
    assert '<html lang="de">' in page
    assert "Anmelden" in page
    window.sign_in("carol@corp.example")
    world.change(User, carol.id, locale="es")
    page = window.http.get("/me", headers={"Accept": "text/html", "Accept-Language": "de"}).text
    assert '<html lang="es">' in page
    assert "Mi perfil" in page


def test_times_are_in_the_readers_zone_and_numbers_in_their_notation(window, world, carol):
    acme = world.account(carol)
    window.sign_in("carol@corp.example")
    assert re.search(r"\d\d:\d\d UTC|[AP]M UTC", window.open(f"/accounts/{acme}").text)
    assert "1,000 USD" in window.open(f"/accounts/{acme}").text
    window.http.set_cookie("usher_zone", "Europe/Berlin")
    assert "UTC<" not in window.open(f"/accounts/{acme}").text
    world.change(User, carol.id, locale="de")
    assert "1.000 USD" in window.open(f"/accounts/{acme}").text
    window.http.set_cookie("usher_zone", "../../etc/passwd")
    assert "UTC<" in window.open(f"/accounts/{acme}").text


def test_a_refusal_is_in_the_readers_language(window, world, carol):
    acme = world.account(carol)
    world.change(User, carol.id, locale="de")
    window.sign_in("carol@corp.example")
    answer = window.see(f"/accounts/{acme}/team/invite", addresses="eve@gmail.com", role="support")
    assert "Das ist eine private Adresse." in answer.text
    assert "Nicht gefunden" in window.open("/accounts/acc_none").text
