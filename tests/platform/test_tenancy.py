"""Row-level security, seen from the tables themselves: the app role, raw SQL, two tenants."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from alloyworks.accounts.models import Invitation, Membership, Organisation
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Dataset, ModelParent, ModelVersion
from alloyworks.jobs.models import Attempt, Event, Job, JobInput, JobState
from alloyworks.jobs.states import TRANSITIONS
from alloyworks.tenancy import scope


def rows(sql: str, parameters: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def tenant_tables() -> dict[str, str]:
    """Every table of a tenant, and its column that says whose a row is."""
    found = rows(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND column_name = 'organisation_id'"
    )
    return {"accounts_organisation": "id"} | {name: "organisation_id" for (name,) in found}


def changeable_tables() -> dict[str, str]:
    """Without the audit log, whose rows nobody changes."""
    return {name: at for name, at in tenant_tables().items() if name != "accounts_auditentry"}


@pytest.fixture
def two_tenants(alice: Principal, charlie: Principal) -> tuple[Principal, Principal]:
    """Both have a row in every table."""
    for principal in (alice, charlie):
        with scope(principal.organisation.id):
            furnish(principal)
    return alice, charlie


def furnish(principal: Principal) -> None:
    org, now = principal.organisation, timezone.now()
    job = make_job(principal)
    secret = f"secret of {org.name}"
    job.attempts.create(organisation=org, number=1, state="starting", secret_hash=secret)
    job.events.create(organisation=org, attempt_number=1, at=now, type="log", data={})
    job.metrics.create(organisation=org, name="loss", step=1, value=1.0)
    job.checkpoints.create(organisation=org, attempt_number=1, step=1, files=[])
    dataset = make_dataset(principal)
    model = make_model(principal)
    ModelParent.objects.create(organisation=org, child=model, parent=make_model(principal, 2))
    JobInput.objects.create(organisation=org, job=job, reference="data", dataset=dataset)
    job.evaluations.create(
        organisation=org, model_version=model, dataset=dataset, metric="m", value=1, examples=1
    )
    Invitation.objects.create(
        organisation=org, email="x@y.z", role="viewer", secret_hash=f"i {secret}", expires_at=now
    )
    org.apikey_set.create(created_by=principal.user, secret_hash=f"k {secret}", role="viewer")
    org.auditentry_set.create(actor="x@y.z", action="job.submit", object_id="1")
    webhook = org.endpoint_set.create(url="https://example.org/", events=[])
    org.delivery_set.create(endpoint=webhook, job=job, event="test", body="{}")
    endpoint = org.model_endpoints.create(name="chemist", model_version=model)
    endpoint.uses.create(organisation=org, day=now.date())
    org.mail_set.create(address="x@y.z", subject="s", text="t")
    org.nojobmail_set.create(user=principal.user)
    job.usage.create(organisation=org, attempt_number=1, kind="train", begun_at=now, seconds=1)
    org.limits_set.create(gpu_hours=1)
    org.idempotencykey_set.create(created_by=principal.user, key="1", status=200)


def make_job(principal: Principal, state: str = "queued") -> Job:
    return Job.objects.create(
        organisation=principal.organisation,
        name="j",
        kind="train",
        spec={},
        state=state,
        attempt_limit=3,
    )


def make_dataset(principal: Principal) -> Dataset:
    return Dataset.objects.create(
        organisation=principal.organisation, name="d", format="text", train_rows=1, test_rows=1
    )


def make_model(principal: Principal, version: int = 1) -> ModelVersion:
    return ModelVersion.objects.create(
        organisation=principal.organisation, name="m", version=version, origin="train"
    )


def test_every_tenant_table_is_forced_behind_policies_that_check_writes(db: None) -> None:
    guarded = rows(
        """
        SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND EXISTS (
            SELECT FROM pg_policy WHERE polrelid = pg_class.oid
            AND polcmd = '*' AND polqual IS NOT NULL AND polwithcheck IS NOT NULL
        )
        """
    )

    assert set(tenant_tables()) == {name for (name,) in guarded}


def test_no_policy_lets_every_row_through(db: None) -> None:
    conditions = rows("SELECT coalesce(qual, with_check) FROM pg_policies")

    assert conditions
    assert all(condition != "true" for (condition,) in conditions)


def test_no_view_looks_past_the_policies(db: None) -> None:
    assert rows("SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = "
                "'public'::regnamespace") == []  # fmt: skip


def test_the_app_role_can_not_pass_by_policies(db: None) -> None:
    assert rows(
        "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_tables WHERE tableowner ="
        " current_user) FROM pg_roles WHERE rolname = current_user"
    ) == [(False, False, 0)]


def test_the_test_has_rows_in_every_table(two_tenants: tuple[Principal, Principal]) -> None:
    alice, _ = two_tenants

    with scope(alice.organisation.id):
        assert [name for name in tenant_tables() if not rows(f"SELECT 1 FROM {name}")] == []


def test_without_a_scope_no_table_shows_a_row(two_tenants: tuple[Principal, Principal]) -> None:
    assert [name for name in tenant_tables() if rows(f"SELECT 1 FROM {name}")] == []


def test_a_scope_shows_its_own_rows_alone(two_tenants: tuple[Principal, Principal]) -> None:
    alice, _ = two_tenants

    with scope(alice.organisation.id):
        for table, column in tenant_tables().items():
            assert {row[0] for row in rows(f"SELECT {column} FROM {table}")} == {
                alice.organisation.id
            }, table


@pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}"])
def test_foreign_rows_can_not_be_changed(
    two_tenants: tuple[Principal, Principal], statement: str
) -> None:
    alice, charlie = two_tenants
    for table, column in changeable_tables().items():
        with scope(alice.organisation.id), connection.cursor() as cursor:
            theirs = f" WHERE {column} = %s"
            cursor.execute(statement.format(table, column) + theirs, [charlie.organisation.id])
            assert cursor.rowcount == 0, table


def test_rows_can_not_be_given_to_another_tenant(two_tenants: tuple[Principal, Principal]) -> None:
    alice, charlie = two_tenants
    for table, column in changeable_tables().items():
        with (
            scope(alice.organisation.id),
            pytest.raises(ProgrammingError, match="row-level security"),
            transaction.atomic(),
        ):
            rows(f"UPDATE {table} SET {column} = %s RETURNING 1", [charlie.organisation.id])


def test_rows_can_not_be_made_for_another_tenant(alice: Principal, charlie: Principal) -> None:
    with (
        scope(alice.organisation.id),
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        make_dataset(charlie)


@pytest.fixture
def foreign_job(charlie: Principal) -> UUID:
    with scope(charlie.organisation.id):
        return make_job(charlie).id


@pytest.mark.parametrize("model", [Attempt, Event, JobInput])
def test_a_reference_to_a_foreign_row_is_refused_like_one_to_no_row(
    alice: Principal, foreign_job: UUID, model: type[Attempt | Event | JobInput]
) -> None:
    words = []
    for job_id in (foreign_job, UUID(int=0)):
        row = model(organisation=alice.organisation, job_id=job_id)
        row.state, row.number, row.attempt_number, row.at = "starting", 1, 1, timezone.now()
        row.data = {}
        with (
            scope(alice.organisation.id),
            pytest.raises(IntegrityError) as caught,
            transaction.atomic(),
        ):
            row.save()
        words.append(str(caught.value).replace(str(job_id), "…"))

    assert words[0] == words[1]


def test_the_app_role_can_not_make_a_base_model(alice: Principal) -> None:
    with (
        scope(alice.organisation.id),
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        ModelVersion.objects.create(name="base", origin="base")


def test_scopes_nest_and_restore(alice: Principal, charlie: Principal) -> None:
    with scope(alice.organisation.id):
        with scope(charlie.organisation.id):
            assert Organisation.objects.get().name == "Globex"
        assert Organisation.objects.get().name == "Acme"


def test_a_person_sees_their_memberships_everywhere(alice: Principal, charlie: Principal) -> None:
    with scope(user=alice.user.id):
        assert [m.organisation.name for m in Membership.objects.all()] == ["Acme"]


@pytest.mark.usefixtures("committed_db")
class TestConnections:
    """With real commits, over the pool."""

    def settings(self) -> list[Any]:
        return rows("SELECT current_setting('alloy.organisation', true), pg_backend_pid()")

    def test_nothing_stays_after_a_scope(self, alice: Principal) -> None:
        with scope(alice.organisation.id):
            pass

        assert self.settings()[0][0] in (None, "")
        assert Organisation.objects.count() == 0

    @pytest.mark.parametrize("fault", ["SELECT 1/0", "SELECT raise_nothing()"])
    def test_nothing_stays_after_an_sql_error(self, alice: Principal, fault: str) -> None:
        with (
            pytest.raises(Exception, match=r"division|does not exist"),
            scope(alice.organisation.id),
        ):
            rows(fault)

        assert Organisation.objects.count() == 0

    def test_nothing_stays_after_an_exception(self, alice: Principal) -> None:
        with pytest.raises(ZeroDivisionError), scope(alice.organisation.id):
            raise ZeroDivisionError

        assert Organisation.objects.count() == 0

    def test_interleaved_tenants_never_mix(self, alice: Principal, charlie: Principal) -> None:
        def look(number: int) -> bool:
            wanted = (alice, charlie)[number % 2].organisation
            try:
                with scope(wanted.id):
                    seen = [o.id for o in Organisation.objects.all()]
                    if number % 7 == 0:
                        raise ZeroDivisionError
                return seen == [wanted.id]
            except ZeroDivisionError:
                return Organisation.objects.count() == 0
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            assert all(threads.map(look, range(400)))


@pytest.fixture
def states() -> Iterator[list[str]]:
    yield ["waiting", "queued", "starting", "running", "succeeded", "failed", "cancelled"]


def test_rounds_are_told_ids_of_jobs_of_all_tenants_and_nothing_else(
    alice: Principal, charlie: Principal
) -> None:
    """Of those that need a look: who waits for a first start needs none."""
    found = []
    for principal in (alice, charlie):
        with scope(principal.organisation.id):
            for state in ("waiting", "starting", "running"):
                found.append((make_job(principal, state).id, principal.organisation.id))
            again = make_job(principal, "queued")
            Job.objects.filter(id=again.id).update(started_at=timezone.now())
            found.append((again.id, principal.organisation.id))
            make_job(principal, "queued")
            make_job(principal, "succeeded")

    assert rows("SELECT * FROM alloy_jobs_to_look_at()") == sorted(found)
    assert rows("SELECT * FROM jobs_job") == []


def test_the_database_and_the_code_agree_on_the_transitions_of_a_job(
    alice: Principal, states: list[str]
) -> None:
    allowed = {(a, b) for a in states for b in TRANSITIONS[JobState(a)]}

    assert {(a, b) for a in states for b in states if a != b and moves(alice, a, b)} == allowed


def moves(principal: Principal, before: str, after: str) -> bool:
    with scope(principal.organisation.id):
        job = make_job(principal, before)
        try:
            with transaction.atomic():
                Job.objects.filter(id=job.id).update(state=after)
        except IntegrityError:
            return False
    return True
