"""The pages that people see in a browser, one module per page. GET shows and POST acts; pages have no rules of their
own."""

from flask import Flask
from jinja2 import StrictUndefined

from shared.clock import rfc3339
from shared.templating import harmless, name
from web.pages import (
    accounts,
    api_keys,
    assets,
    audit,
    home,
    invitation,
    invitation_timeline,
    invite,
    jobs,
    mailbox,
    member_removal,
    operator,
    password,
    profile,
    roles,
    settings,
    sign_in,
    sign_up,
    team,
)
from web.ui import account_page, error_messages, form_results, forms, i18n, labels, visitor
from web.ui.blueprint import site

_PAGES = (
    accounts,
    assets,
    audit,
    form_results,
    home,
    invitation,
    invite,
    jobs,
    api_keys,
    mailbox,
    profile,
    operator,
    password,
    member_removal,
    roles,
    settings,
    sign_in,
    sign_up,
    team,
    invitation_timeline,
)


def register(app: Flask) -> None:
    """Register every page. Importing a page's module has declared its addresses."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {
        "harmless": harmless,
        "person": name,
        "rfc3339": rfc3339,
        "role": labels.role,
        "rights": labels.rights,
        "summary": labels.summary,
        "standing": labels.status_of,
        "version": labels.version,
        "reasons": labels.reasons,
        "event": labels.event,
        "actor": labels.actor,
        "mender": labels.fixer,
        "field": error_messages.field,
        "other_spelling": labels.other_spelling,
    }
    app.jinja_env.globals |= {
        "asset": assets.address,
        "visitor": visitor.signed_in_user,
        "form": forms.BLANK,
        "my_places": account_page.own_accounts,
        "told": error_messages.sentence_for,
    }
    i18n.register(app)
    app.register_blueprint(site)
