"""What people see in a browser, one file a page. GET shows, POST acts; a page has no rule of its own."""

from flask import Flask
from jinja2 import StrictUndefined

from shared.clock import rfc3339
from shared.templating import harmless, name
from web.pages import (
    accounts,
    assets,
    audit,
    done,
    form,
    home,
    invitation,
    invite,
    jobs,
    keys,
    languages,
    mailbox,
    me,
    operator,
    password,
    place,
    removal,
    roles,
    sentences,
    settings,
    sign_in,
    sign_up,
    team,
    timeline,
    visitor,
    words,
)
from web.pages.site import site

_PAGES = (
    accounts,
    assets,
    audit,
    done,
    home,
    invitation,
    invite,
    jobs,
    keys,
    mailbox,
    me,
    operator,
    password,
    removal,
    roles,
    settings,
    sign_in,
    sign_up,
    team,
    timeline,
)


def register(app: Flask) -> None:
    """Put every page where it is reached; importing a page has declared its addresses."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {
        "harmless": harmless,
        "person": name,
        "rfc3339": rfc3339,
        "role": words.role,
        "rights": words.rights,
        "summary": words.summary,
        "standing": words.standing,
        "version": words.version,
        "reasons": words.reasons,
        "event": words.event,
        "actor": words.actor,
        "mender": words.mender,
        "field": sentences.field,
        "other_spelling": words.other_spelling,
    }
    app.jinja_env.globals |= {
        "asset": assets.address,
        "visitor": visitor.known,
        "form": form.BLANK,
        "my_places": place.mine,
        "told": sentences.told,
    }
    languages.register(app)
    app.register_blueprint(site)
