"""The comparison: whose scores are shown, what is best, and what a difference means."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.lineage import Node
from alloyworks.catalog.models import Dataset, ModelParent, ModelVersion
from alloyworks.web.family import COLUMN, Tree, drawn
from alloyworks.web.scores import Cell, Figure, Head, Table, table_of
from tests.platform.conftest import joined
from tests.platform.world import World

BrowserOf = Callable[[Principal], Client]


def scored(
    world: World, model: ModelVersion, dataset: Dataset, value: float, metric: str = "exact_match"
) -> None:
    with world.scope():
        world.job("evaluate").evaluations.create(
            organisation=world.owner.organisation,
            model_version=model,
            dataset=dataset,
            metric=metric,
            value=value,
            stderr=0.01,
            examples=100,
        )


def html(client: Client, path: str = "/compare/") -> str:
    page = client.get(path)
    assert page.status_code == 200
    return page.content.decode()


def rows_of(page: str) -> dict[str, str]:
    """The text of each line of the table, by its model."""
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    lines = re.findall(r"<tr.*?</tr>", body[1] if body else "", re.DOTALL)
    texts = [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in lines]
    return {text.split(" ")[0]: text for text in texts}


class TestPage:
    def test_without_scores_it_says_how_to_get_some(self, browser: Client) -> None:
        page = html(browser)

        assert "Nothing to compare yet" in page
        assert 'href="/jobs/new/evaluate/"' in page

    def test_at_first_it_shows_what_there_is(self, world: World, browser: Client) -> None:
        scored(world, world.base, world.chats, 0.1)
        scored(world, world.tuned, world.chats, 0.9)

        rows = rows_of(html(browser))

        assert "10.0%" in rows["base"] and "reference" in rows["base"]
        assert "90.0%" in rows["tuned"] and "best" in rows["tuned"] and "+80.0 pp" in rows["tuned"]

    def test_models_and_test_sets_are_chosen(self, world: World, browser: Client) -> None:
        with world.scope():
            other = world.dataset("chat", name="capitals")
        for dataset in (world.chats, other):
            scored(world, world.base, dataset, 0.1)
            scored(world, world.tuned, dataset, 0.9)

        page = html(browser, f"/compare/?models={world.tuned.id}&datasets={other.id}")

        assert rows_of(page).keys() == {"tuned"}
        assert page.count('scope="col"') == 2

    def test_another_reference_turns_the_differences_round(
        self, world: World, browser: Client
    ) -> None:
        scored(world, world.base, world.chats, 0.1)
        scored(world, world.tuned, world.chats, 0.9)

        rows = rows_of(html(browser, f"/compare/?reference={world.tuned.id}"))

        assert "−80.0 pp" in rows["base"] and "reference" in rows["tuned"]

    def test_of_two_measurements_the_newest_counts(self, world: World, browser: Client) -> None:
        scored(world, world.base, world.chats, 0.1)
        scored(world, world.base, world.chats, 0.2)

        assert "20.0%" in rows_of(html(browser))["base"]

    def test_gaps_lead_to_the_form_that_fills_them(self, world: World, browser: Client) -> None:
        scored(world, world.base, world.chats, 0.1)

        page = html(browser, f"/compare/?models={world.base.id}&models={world.tuned.id}")

        assert "not scored" in rows_of(page)["tuned"]
        wanted = f"?model={world.base.id}&amp;model={world.tuned.id}&amp;dataset={world.chats.id}"
        assert f"/jobs/new/evaluate/{wanted}" in page

    def test_a_model_without_any_score_is_told(self, world: World, browser: Client) -> None:
        assert "No scores yet" in html(browser, f"/compare/?models={world.base.id}")

    def test_the_family_of_the_models_is_drawn(self, world: World, browser: Client) -> None:
        scored(world, world.tuned, world.chats, 0.9)
        with world.scope():
            ModelParent.objects.create(
                organisation=world.owner.organisation, child=world.tuned, parent=world.base
            )

        family = html(browser).split('class="family"')[1]

        assert f'href="/models/{world.base.id}/"' in family

    @pytest.mark.parametrize("name", ["models", "datasets"])
    def test_what_is_not_ones_own_is_not_there(
        self, world: World, charlie: Principal, browser: Client, name: str
    ) -> None:
        theirs = World(charlie)
        scored(theirs, theirs.base, theirs.chats, 0.5)
        foreign = {"models": theirs.base.id, "datasets": theirs.chats.id}[name]

        for key in (foreign, uuid4(), "nonsense"):
            assert browser.get(f"/compare/?{name}={key}").status_code == 404
        assert "Nothing to compare yet" in html(browser)

    def test_viewers_compare_and_are_offered_no_jobs(
        self, world: World, browser_of: BrowserOf
    ) -> None:
        scored(world, world.base, world.chats, 0.1)
        viewer = browser_of(joined(world.owner, "v@acme.example", Role.VIEWER))

        page = html(viewer, f"/compare/?models={world.base.id}&models={world.tuned.id}")

        assert "10.0%" in page and "/jobs/new/" not in page


def figure(model: str, value: float, metric: str = "exact_match", **more: Any) -> Figure:
    return Figure(model, more.pop("dataset", "d"), metric, value, more.pop("stderr", 0.01), 50)


def table(*figures: Figure, reference: str | None = None) -> Table:
    models = {name: Head(name) for name in dict.fromkeys(str(f.model) for f in figures)}
    datasets = {name: Head(name) for name in dict.fromkeys(str(f.dataset) for f in figures)}
    return table_of(figures, models, datasets, reference)


def cells(found: Table, column: int = 0) -> list[Cell | None]:
    return [line.cells[column] for line in found.lines]


class TestScores:
    def test_the_highest_share_is_best(self) -> None:
        found = table(figure("a", 0.2), figure("b", 0.8))

        assert [cell.best for cell in cells(found)] == [False, True]
        assert [cell.bar for cell in cells(found)] == [20, 80]

    def test_the_lowest_perplexity_is_best(self) -> None:
        found = table(figure("a", 8.0, "perplexity"), figure("b", 4.0, "perplexity"))

        assert [cell.best for cell in cells(found)] == [False, True]
        assert [cell.value for cell in cells(found)] == ["8", "4"]

    def test_equals_are_both_best_and_one_alone_is_not(self) -> None:
        both = table(figure("a", 0.5), figure("b", 0.5))

        assert [cell.best for cell in cells(both)] == [True, True]
        assert [cell.best for cell in cells(table(figure("a", 0.5)))] == [False]

    def test_two_metrics_of_one_set_are_two_columns(self) -> None:
        found = table(figure("a", 0.5), figure("a", 3.0, "perplexity"))

        assert [column.metric.label for column in found.columns] == ["Exact match", "Perplexity"]

    def test_a_gap_stays_empty(self) -> None:
        found = table(figure("a", 0.5), figure("b", 0.5, dataset="e"))

        assert found.has_gaps
        assert cells(found)[1] is None

    @pytest.mark.parametrize(
        ("value", "metric", "told", "better", "sure"),
        [
            (0.60, "exact_match", "+10.0 pp", True, True),
            (0.40, "exact_match", "−10.0 pp", False, True),
            (0.52, "exact_match", "+2.0 pp", True, False),
            (0.50, "exact_match", "±0.0 pp", False, False),
            (0.40, "perplexity", "−0.1", True, True),
        ],
    )
    def test_a_difference_says_whether_it_is_better_and_whether_it_is_sure(
        self, value: float, metric: str, told: str, better: bool, sure: bool
    ) -> None:
        found = table(figure("a", 0.5, metric), figure("b", value, metric), reference="a")

        cell = cells(found)[1]
        assert (cell.difference, cell.better, cell.sure) == (told, better, sure)
        assert cells(found)[0].difference == ""

    def test_bars_stay_within_their_frame(self) -> None:
        found = table(figure("a", 1.0, stderr=0.2), figure("b", 0.0, stderr=0.2))

        assert [cell.whisker for cell in cells(found)] == [(80, 100), (0, 20)]

    def test_a_score_without_error_has_none(self) -> None:
        cell = cells(table(figure("a", 0.5, stderr=None)))[0]

        assert (cell.stderr, cell.whisker) == ("", None)


class TestFamily:
    def tree(self, edges: list[tuple[int, int]], chosen: set[int], count: int = 5) -> Tree | None:
        nodes = [Node(UUID(int=i), f"m{i}", 1, "train", None) for i in range(count)]
        links = [(UUID(int=a), UUID(int=b)) for a, b in edges]
        return drawn(nodes, links, {UUID(int=i) for i in chosen})

    def test_generations_go_from_left_to_right(self) -> None:
        found = self.tree([(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)], {3})

        places = {box.label: box.x // COLUMN for box in found.boxes}
        assert places == {"m0 v1": 0, "m1 v1": 1, "m2 v1": 1, "m3 v1": 2}
        assert len(found.paths) == 5

    def test_only_the_chosen_and_their_ancestors_are_drawn(self) -> None:
        found = self.tree([(0, 1), (1, 2), (0, 4)], {1})

        assert {box.label for box in found.boxes} == {"m0 v1", "m1 v1"}
        assert [box.label for box in found.boxes if box.chosen] == ["m1 v1"]

    def test_no_two_boxes_lie_on_each_other(self) -> None:
        found = self.tree([(0, 1), (0, 2), (0, 3), (1, 4)], {2, 3, 4})

        places = [(box.x, box.y) for box in found.boxes]
        assert len(set(places)) == len(places)
        assert max(y for _, y in places) < found.height

    def test_without_kinship_there_is_no_tree(self) -> None:
        assert self.tree([(3, 4)], {0, 1}) is None
