"""Examples on the page of a new training job: marked, escaped, and nobody else's."""

from html import unescape
from typing import Any

import pytest
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import examples
from alloyworks.catalog.examples import Example, Piece
from tests.platform.job_forms import Fields, train_fields
from tests.platform.world import World


class TestExamples:
    def look(self, browser: Client, fields: Fields) -> tuple[int, str]:
        answer = browser.post("/jobs/new/train/", fields | {"do": "examples"})
        return answer.status_code, answer.content.decode()

    def test_what_is_learned_is_marked_and_nothing_of_it_is_taken_for_markup(
        self, world: World, browser: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def shown_of(*asked: Any) -> list[Example]:
            assert asked[1:] == (world.chats.id, world.base.id, "sft", 64)
            given = piece("</div><script>alert(1)</script>")
            cut = piece("<b>", cut=True, more=1234)
            pieces = [given, piece("<img src=x>", trained=True), cut]
            return [Example(title="<i>", pieces=pieces, tokens=9, trained=3, cut=1, alarm="")]

        monkeypatch.setattr(examples, "examples", shown_of)
        status, page = self.look(browser, train_fields(world, max_length="64"))

        assert status == 200 and "<script>alert" not in page and "<img src=x" not in page
        assert "<mark>&lt;img src=x&gt;</mark>" in page
        assert "<del>&lt;b&gt;<em> … 1,234 more characters</em></del>" in page
        assert "Nothing would be learned" not in page

    def test_it_alarms_when_nothing_is_trained(
        self, world: World, browser: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        silent = Example(
            title="row 1", pieces=[piece("a")], tokens=1, trained=0, cut=0, alarm="None."
        )
        monkeypatch.setattr(examples, "examples", lambda *_: [silent])

        assert "Nothing would be learned" in self.look(browser, train_fields(world))[1]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"model": ""}, "No model is chosen."),
            ({"model": "job:x"}, "still being made"),
            ({"max_length": "many"}, "'many' is no number of tokens."),
            ({"objective.method": "magic"}, "There is no objective 'magic'."),
        ],
    )
    def test_why_there_is_nothing_to_see_is_said(
        self, world: World, browser: Client, changes: dict[str, str], words: str
    ) -> None:
        status, page = self.look(browser, train_fields(world, **changes))

        assert status == 422 and words in unescape(page)

    def test_a_rejected_answer_is_made_less_likely(
        self, world: World, browser: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad = Example(
            title="row 1, rejected",
            pieces=[piece("no", True)],
            tokens=4,
            trained=2,
            cut=0,
            alarm="",
        )
        monkeypatch.setattr(examples, "examples", lambda *_: [bad])
        page = self.look(browser, train_fields(world, **{"objective.method": "dpo"}))[1]

        assert "2 of 4 tokens are made less likely" in page

    @pytest.mark.parametrize("place", ["model", "dataset"])
    def test_anothers_model_or_dataset_is_not_there(
        self, world: World, charlie: Principal, browser: Client, place: str
    ) -> None:
        theirs = World(charlie)
        key = theirs.tuned.id if place == "model" else theirs.chats.id

        status, page = self.look(browser, train_fields(world, **{place: str(key)}))

        assert status == 404 and f"There is no {place} {key}." in page


def piece(text: str, trained: bool = False, cut: bool = False, more: int = 0) -> Piece:
    return Piece(text=text, more=more, trained=trained, cut=cut)
