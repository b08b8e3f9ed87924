"""The servers behind the tests; nothing starts unless a test needs the database."""

import atexit
import os
import signal
from collections.abc import Iterator

import django
import pytest
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from alloyworks import forgiving
from tests import servers

# A shell that puts the tests into the background has this ignored, and so would all they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# At import, because the conftest files below this one import models.
STATE = servers.arrange()
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# The cache forgives a Valkey that hangs for a second; a test that counts in it must not.
settings.CACHES["default"]["OPTIONS"] = forgiving.OPTIONS | {"socket_timeout": 30}
django.setup()
if "PYTEST_XDIST_WORKER" not in os.environ:
    atexit.register(servers.end, STATE)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Workers inherit the environment; this would load their settings before `arrange`."""
    del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Instead of pytest-django's: a copy of a database that `prepare_database` made."""
    from django.db import connections

    servers.use(STATE)
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        connections["default"].close_pool()
