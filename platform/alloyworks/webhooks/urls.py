"""Pages about webhooks, and a person's choice of mails."""

from django.urls import path

from alloyworks.webhooks import views

urlpatterns = [
    path("accounts/mails/", views.mails, name="mails"),
    path("webhooks/", views.webhooks, name="webhooks"),
    path("webhooks/<uuid:webhook_id>/", views.webhook, name="webhook"),
    path("webhooks/<uuid:webhook_id>/test/", views.test, name="webhook-test"),
    path("webhooks/<uuid:webhook_id>/switch/", views.switch, name="webhook-switch"),
    path("webhooks/<uuid:webhook_id>/delete/", views.delete, name="webhook-delete"),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/resend/",
        views.resend,
        name="webhook-resend",
    ),
]
