"""What pages draw of data: previews, histograms, schemas."""

from typing import Any

import pytest

from alloyworks.catalog.models import Dataset
from alloyworks.web import histogram, preview
from alloyworks.web.schemas import Field, Schemas

BINS = [
    {"start": 0, "end": 10, "examples": 1},
    {"start": 10, "end": 20, "examples": 0},
    {"start": 20, "end": 30, "examples": 400},
]


class TestPreview:
    def turns(self, form: str, row: dict[str, Any]) -> list[tuple[str, str]]:
        [turns] = preview.examples_of(Dataset(format=form, preview=[row]))
        return [(turn.role, turn.text) for turn in turns]

    @pytest.mark.parametrize(
        ("form", "row", "turns"),
        [
            ("text", {"text": "a"}, [("text", "a")]),
            (
                "prompt_completion",
                {"question": "1+1?", "answer": "2", "split": "train"},
                [("prompt", "1+1?"), ("completion", "2")],
            ),
            (
                "instruction",
                {"instruction": "Add", "input": "", "output": "2"},
                [("instruction", "Add"), ("output", "2")],
            ),
            (
                "chat",
                {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
                [("user", "a"), ("assistant", "b")],
            ),
            (
                "preference",
                {"prompt": "a", "chosen": "b", "rejected": "c"},
                [("prompt", "a"), ("chosen", "b"), ("rejected", "c")],
            ),
        ],
    )
    def test_every_format_is_read_as_turns(
        self, form: str, row: dict[str, Any], turns: list[tuple[str, str]]
    ) -> None:
        assert self.turns(form, row) == turns

    def test_a_row_that_was_cut_is_shown_by_its_columns(self) -> None:
        row = {"messages": [{"role": "user", "content": "a"}], "split": "train"}

        assert [role for role, _ in self.turns("chat", row)] == ["messages", "split"]

    def test_what_is_learned_is_told_apart(self) -> None:
        [turns] = preview.examples_of(
            Dataset(format="preference", preview=[{"prompt": "a", "chosen": "b", "rejected": "c"}])
        )

        assert [turn.learned for turn in turns] == [False, True, False]
        assert [turn.rejected for turn in turns] == [False, False, True]


class TestHistogram:
    def test_bars_stand_on_the_ground_and_the_highest_fills_the_height(self) -> None:
        drawn = histogram.drawn(BINS, {"p50": 25}, "tokens")

        assert drawn is not None
        assert [bar.y + bar.height for bar in drawn.bars] == [histogram.HEIGHT] * 2
        assert drawn.bars[-1].height == histogram.HEIGHT
        assert drawn.bars[0].height == 2  # one of four hundred is still to be seen

    def test_marks_stand_where_the_quantiles_are(self) -> None:
        drawn = histogram.drawn(BINS, {"p50": 15, "mean": 3}, "tokens")

        assert drawn is not None
        assert [(mark.label, mark.x) for mark in drawn.marks] == [("p50", histogram.WIDTH / 2)]

    def test_few_numbers_are_below(self) -> None:
        bins = [{"start": n * 100, "end": n * 100 + 100, "examples": n} for n in range(24)]
        drawn = histogram.drawn(bins, {}, "tokens")

        assert drawn is not None
        assert [tick.label for tick in drawn.ticks][:3] == ["0", "400", "800"]
        assert len(drawn.ticks) <= histogram.TICKS + 2

    @pytest.mark.parametrize("bins", [[], [{"start": 0, "end": 1, "examples": 0}]])
    def test_nothing_counted_is_nothing_drawn(self, bins: list[dict[str, int]]) -> None:
        assert histogram.drawn(bins, {}, "tokens") is None


SCHEMAS = Schemas(
    {
        "Full": {
            "title": "Full",
            "type": "object",
            "properties": {"method": {"const": "full", "default": "full", "type": "string"}},
        },
        "Some": {
            "title": "Some",
            "type": "object",
            "properties": {
                "method": {"const": "some", "type": "string"},
                "percent": {"type": "number", "maximum": 100, "default": 25},
            },
            "required": ["percent"],
        },
        "Job": {
            "type": "object",
            "properties": {
                "tuning": {"oneOf": [{"$ref": "#/c/Full"}, {"$ref": "#/c/Some"}]},
                "parts": {"type": "array", "items": {"$ref": "#/c/Some"}},
                "next": {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
            },
            "required": ["tuning"],
        },
    }
)
JOB = {"$ref": "#/c/Job"}


class TestSchemas:
    def test_fields_inside_follow_their_field(self) -> None:
        names = [field.name for field in SCHEMAS.fields(JOB)]

        assert names == [
            "tuning",
            "tuning.method",
            "tuning.method",
            "tuning.percent",
            "parts",
            "parts[].method",
            "parts[].percent",
            "next",
        ]

    def test_types_limits_and_needs_are_said(self) -> None:
        fields = {field.name: field for field in SCHEMAS.fields(JOB)}

        assert fields["tuning.percent"] == Field(
            "tuning.percent", "number", True, "≤ 100, default 25"
        )
        assert (fields["tuning"].required, fields["parts"].required) == (True, False)
        assert (fields["next"].type, fields["parts"].type) == ("uuid or null", "list of object")

    def test_forms_of_a_whole_body_are_told_apart(self) -> None:
        either = {"oneOf": [{"$ref": "#/c/Full"}, {"$ref": "#/c/Some"}]}

        assert [field.variant for field in SCHEMAS.fields(either)] == ["Full", "Some", "Some"]

    def test_an_example_holds_what_is_required_and_what_tells_forms_apart(self) -> None:
        assert SCHEMAS.example(JOB) == {"tuning": {"method": "full"}}
        assert SCHEMAS.example({"type": "array", "items": {"$ref": "#/c/Some"}}) == [
            {"method": "some", "percent": 25}
        ]

    def test_a_schema_that_holds_itself_ends(self) -> None:
        tree = {"type": "object", "properties": {"child": {"$ref": "#/c/Tree"}}}

        assert len(list(Schemas({"Tree": tree}).fields(tree))) == 5
