"""Connects the hooks once the models are there."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "alloyworks.accounts"

    def ready(self) -> None:
        from alloyworks.accounts import hooks  # noqa: F401  # connects by being imported
