"""Pages about people, keys and the organisation; signing in and up is allauth's."""

from django.urls import path

from alloyworks.accounts.views import audit, factors, keys, members, organisation, sessions, sso

urlpatterns = [
    path("members/", members.members, name="members"),
    path("members/<uuid:user_id>/role/", members.change_role, name="member-role"),
    path("members/<uuid:user_id>/remove/", members.remove, name="member-remove"),
    path(
        "invitations/<uuid:invitation_id>/withdraw/", members.withdraw, name="invitation-withdraw"
    ),
    path("invitations/<str:token>/", members.invitation, name="invitation"),
    path("keys/", keys.keys, name="keys"),
    path("keys/<uuid:key_id>/revoke/", keys.revoke, name="key-revoke"),
    path("organisation/", organisation.organisation, name="organisation"),
    path("organisation/mfa/", organisation.demand_mfa, name="organisation-mfa"),
    path("switch/", organisation.switch, name="switch-organisation"),
    path("audit/", audit.audit, name="audit"),
    path("2fa/webauthn/keys/<int:pk>/remove/", factors.remove_passkey),  # before allauth's
    path("oidc/sso/login/", sso.start),  # likewise
    path("password/set/", sso.set_password),  # likewise
    path("sessions/", sessions.sessions, name="sessions"),
    path("sessions/end/", sessions.end_all, name="sessions-end"),
    path("sessions/<int:session_id>/end/", sessions.end, name="session-end"),
]
