"""The visitor's own pages: profile, active sessions, failed sign-ins, and pending invitations."""

from flask import Response, render_template, request

from shared.accounts import profiles, sessions
from shared.invitations import invitee
from shared.tokens import sha256
from web.actions import own_invitations
from web.auth import identity
from web.auth.guards import actor, signed_in
from web.database import transaction
from web.schemas.invitations import RefusalBody
from web.schemas.users import ProfileBody
from web.ui import form_results, forms, visitor
from web.ui.blueprint import site

_MOST = 100
_FAILED = 10
"""The number of failed sign-ins that the page shows."""


@site.get("/me")
@signed_in
def show_profile() -> str:
    """Show name, language, active sessions and failed sign-ins."""
    return _profile()


@site.post("/me")
@signed_in
def change_profile() -> Response:
    """Change name and language."""

    def act() -> None:
        changes = forms.body_of(ProfileBody).model_dump(include={"name", "locale"})
        with transaction() as session:
            profiles.change_profile(session, actor=actor(), user_id=identity.user().id, changes=changes)

    try:
        return form_results.redirect("/me", act)
    except forms.REFUSALS as refusal:
        return forms.refused(_profile(forms.refused_form(refusal)), refusal)


@site.post("/me/sessions/<session_id>/end")
@signed_in
def end_session(session_id: str) -> Response:
    """End one of the visitor's sessions."""
    with transaction() as session:
        sessions.end_one(session, user_id=identity.user().id, session_id=session_id)
    return visitor.redirect("/me")


@site.get("/me/invitations")
@signed_in
def show_waiting() -> str:
    """Show the pending invitations to the visitor's verified address."""
    return _waiting()


@site.post("/me/invitations/<invitation_id>")
@signed_in
def answer_waiting(invitation_id: str) -> Response:
    """Accept or decline a pending invitation."""
    try:
        if request.form.get("action") != "accept":
            body = forms.body_of(RefusalBody)
            return form_results.redirect("/me/invitations", lambda: own_invitations.decline_own(invitation_id, body))
        joined = own_invitations.accept_own(invitation_id)
    except forms.REFUSALS as refusal:
        return forms.refused(_waiting(forms.refused_form(refusal)), refusal)
    return visitor.redirect(f"/accounts?joined={joined['account']['id']}")


def _profile(shown: forms.Form = forms.BLANK) -> str:
    me = identity.user()
    with transaction() as session:
        live = sessions.list_sessions(session, user_id=me.id, limit=_MOST)
    return render_template(
        "pages/me.html",
        me=me,
        live=live,
        this=sha256(identity.credential().token),
        failed=own_invitations.failed(before=None, limit=_FAILED),
        changed=request.args.get("password") == "changed",
        form=shown,
    )


def _waiting(shown: forms.Form = forms.BLANK) -> str:
    me = identity.user()
    with transaction() as session:
        waiting = invitee.list_open(session, user=me, after="", limit=_MOST)
    return render_template("pages/waiting.html", me=me, offers=waiting, form=shown)
