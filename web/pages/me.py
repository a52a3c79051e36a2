"""The visitor's own pages: profile and sign-ins, and the invitations that wait for them."""

from flask import Response, render_template, request

from shared.services import offers, sessions, users
from shared.tokens import sha256
from web import auth
from web.api import me as my
from web.database import transaction
from web.guard import actor, signed_in
from web.pages import done, form, visitor
from web.pages.site import site
from web.schemas.invitations import RefusalBody
from web.schemas.people import ProfileBody

_MOST = 100
_FAILED = 10
"""Failed sign-ins that the page shows."""


@site.get("/me")
@signed_in
def show_profile() -> str:
    """Show name, language and sign-ins."""
    return _profile()


@site.post("/me")
@signed_in
def change_profile() -> Response:
    """Change name and language."""

    def act() -> None:
        changes = form.filled(ProfileBody).model_dump(include={"name", "locale"})
        with transaction() as session:
            users.change_profile(session, actor=actor(), user_id=auth.user().id, changes=changes)

    try:
        return done.redirect("/me", act)
    except form.REFUSALS as refusal:
        return form.refused(_profile(form.refused_form(refusal)), refusal)


@site.post("/me/sessions/<session_id>/end")
@signed_in
def end_session(session_id: str) -> Response:
    """Sign one browser or program out."""
    with transaction() as session:
        sessions.end_one(session, user_id=auth.user().id, session_id=session_id)
    return visitor.send_on("/me")


@site.get("/me/invitations")
@signed_in
def show_waiting() -> str:
    """Show the invitations to the visitor's proven address."""
    return _waiting()


@site.post("/me/invitations/<invitation_id>")
@signed_in
def answer_waiting(invitation_id: str) -> Response:
    """Accept or decline one of them."""
    try:
        if request.form.get("action") != "accept":
            body = form.filled(RefusalBody)
            return done.redirect("/me/invitations", lambda: my.decline(invitation_id, body))
        joined = my.accept(invitation_id)
    except form.REFUSALS as refusal:
        return form.refused(_waiting(form.refused_form(refusal)), refusal)
    return visitor.send_on(f"/accounts?joined={joined['account']['id']}")


def _profile(shown: form.Form = form.BLANK) -> str:
    me = auth.user()
    with transaction() as session:
        live = sessions.of_user(session, user_id=me.id, limit=_MOST)
    return render_template(
        "pages/me.html",
        me=me,
        live=live,
        this=sha256(auth.caller().token),
        failed=my.failed(before=None, limit=_FAILED),
        changed=request.args.get("password") == "changed",
        form=shown,
    )


def _waiting(shown: form.Form = form.BLANK) -> str:
    me = auth.user()
    with transaction() as session:
        waiting = offers.waiting(session, user=me, after="", limit=_MOST)
    return render_template("pages/waiting.html", me=me, offers=waiting, form=shown)
