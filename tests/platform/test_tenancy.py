"""Row-level security, seen from the tables themselves."""

import pytest
from django.db import connection

from alloyworks.accounts.models import Organisation
from alloyworks.accounts.principal import Principal
from alloyworks.tenancy import scope


def test_without_a_scope_no_organisation_is_seen(alice: Principal) -> None:
    assert Organisation.objects.count() == 0


def test_a_scope_shows_its_own_organisation_alone(alice: Principal, charlie: Principal) -> None:
    with scope(alice.organisation.id):
        assert [o.name for o in Organisation.objects.all()] == ["Acme"]
