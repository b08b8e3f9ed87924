"""Pages about people and keys; signing in and up is allauth's."""

from django.urls import path

from alloyworks.accounts import views

urlpatterns = [
    path("members/", views.members, name="members"),
    path("members/<uuid:user_id>/role/", views.change_role, name="member-role"),
    path("members/<uuid:user_id>/remove/", views.remove, name="member-remove"),
    path("invitations/<uuid:invitation_id>/withdraw/", views.withdraw, name="invitation-withdraw"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("keys/", views.keys, name="keys"),
    path("keys/<uuid:key_id>/revoke/", views.revoke, name="key-revoke"),
    path("switch/", views.switch, name="switch-organisation"),
]
