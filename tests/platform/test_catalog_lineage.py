"""The family of a model, and whom it is shown to."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import lineage as families
from alloyworks.catalog.lineage import lineage
from alloyworks.catalog.models import ModelVersion
from alloyworks.tenancy import scope
from tests.platform.catalog_cast import base_model, make_model


@pytest.fixture
def acme(alice: Principal) -> Iterator[Principal]:
    with scope(alice.organisation.id, alice.user.id):
        yield alice


def ids(principal: Principal, model: ModelVersion) -> set[UUID]:
    return {node.id for node in lineage(principal, model).nodes}


def test_a_model_without_relatives_is_its_whole_family(acme: Principal) -> None:
    model = make_model(acme)

    found = lineage(acme, model)

    assert ([node.id for node in found.nodes], found.edges, found.complete) == (
        [model.id],
        [],
        True,
    )


def test_ancestors_and_descendants_are_found_and_siblings_are_not(acme: Principal) -> None:
    root = make_model(acme)
    left, right = make_model(acme, root), make_model(acme, root)
    merged = make_model(acme, left, right, root)

    found = lineage(acme, left)

    assert {node.id for node in found.nodes} == {root.id, left.id, merged.id}
    assert set(found.edges) == {(root.id, left.id), (left.id, merged.id), (root.id, merged.id)}
    assert ids(acme, merged) == {root.id, left.id, right.id, merged.id}


def test_lines_of_descent_go_from_near_to_far(acme: Principal) -> None:
    root = make_model(acme, name="root")
    left, right = (make_model(acme, root, name=name) for name in ("left", "right"))
    merged = make_model(acme, left, right, name="merged")

    found = families.lines(acme, [merged, left])

    assert found[left.id] == ("left v1", "root v1")
    assert found[merged.id] in (
        ("merged v1", "left v1", "right v1", "root v1"),
        ("merged v1", "right v1", "left v1", "root v1"),
    )


def test_lines_of_descent_end_where_another_organisation_begins(
    acme: Principal, charlie: Principal
) -> None:
    mine = make_model(acme, name="mine")
    with scope(charlie.organisation.id, charlie.user.id):
        make_model(charlie, name="theirs")

        assert families.lines(charlie, [mine]) == {mine.id: ()}


def test_a_node_says_what_it_is(acme: Principal) -> None:
    model = make_model(acme, name="elements", version=3, origin="merge")

    (node,) = lineage(acme, model).nodes

    assert (node.name, node.version, node.origin, node.job_id) == ("elements", 3, "merge", None)


def test_a_long_line_is_followed_to_both_ends(acme: Principal) -> None:
    line = [make_model(acme)]
    for _ in range(20):
        line.append(make_model(acme, line[-1]))

    assert [node.id for node in lineage(acme, line[10]).nodes] == [model.id for model in line]


def test_a_huge_family_is_shown_as_its_nearest_members(
    acme: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "MOST", 4)
    root = make_model(acme)
    child = make_model(acme, root)
    for _ in range(5):
        make_model(acme, child)

    found = lineage(acme, child)

    assert (len(found.nodes), found.complete) == (4, False)
    assert {root.id, child.id} <= {node.id for node in found.nodes}


@pytest.mark.usefixtures("committed_db")
def test_a_base_models_children_of_other_organisations_are_not_shown(
    acme: Principal, charlie: Principal
) -> None:
    base = base_model()
    with scope(charlie.organisation.id):
        theirs = make_model(charlie, base)
        assert ids(charlie, base) == {base.id, theirs.id}
    mine = make_model(acme, base)

    assert ids(acme, base) == ids(acme, mine) == {base.id, mine.id}
