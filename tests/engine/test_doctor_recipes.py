"""What the doctor says of a recipe's parameters and settings, and what the result will be."""

from typing import Any

import pytest

from alloyengine.spec.doctor import Report, examine
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.methods import DECLARATIONS, MergeMethod
from tests.engine.examining import found, model, recipe, report, slices

A = ("recipe", "models", 0, "parameters")


def ties(**fields: Any) -> dict[str, Any]:
    return recipe("ties", "a", "b", base_model="base", **fields)


def own(given: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """The recipe, with these parameters for its first model."""
    first, *rest = given["models"]
    return {**given, "models": [{**first, "parameters": parameters}, *rest]}


def test_an_unknown_parameter_is_told_with_the_nearest_name() -> None:
    finding = found(recipe(parameters={"nromalize": True}))["parameter_unknown"]

    assert finding.loc == ("recipe", "parameters", "nromalize")
    assert finding.remedy == "Did you mean 'normalize'?"


def test_parameters_of_another_method_are_unknown() -> None:
    assert found(own(recipe(), weight=1, density=0.5))["parameter_unknown"].loc == (*A, "density")
    given = {"merge_method": "arcee_fusion", "models": [{"model": "a"}], "base_model": "b"}
    told = found({**given, "parameters": {"weight": 1}})
    assert told["parameter_unknown"].remedy == "Remove it: the method takes none."


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.5, "density 1.5 is too large."),
        ([0.5, -0.1], "density -0.1 is too small."),
        ([{"filter": "mlp", "value": [0, 2]}, {"value": 1}], "density 2 is too large."),
    ],
)
def test_values_out_of_bounds(value: Any, words: str) -> None:
    finding = found(own(ties(), weight=1, density=value))["parameter_value"]

    assert (finding.what, finding.loc) == (words, (*A, "density"))
    assert finding.remedy == "Use 0 to 1: share of this model's changes that is kept."


def test_a_switch_is_on_or_off() -> None:
    assert found(recipe(parameters={"normalize": 2}))["parameter_value"].level == "error"
    assert found(recipe(parameters={"normalize": 1})) == {}


def test_a_parameter_of_all_given_for_one_is_a_warning() -> None:
    finding = found(own(recipe(), weight=1, normalize=False))["parameter_place"]

    assert (finding.level, finding.loc) == ("warning", (*A, "normalize"))


def test_a_missing_parameter_of_the_recipe() -> None:
    given = {"merge_method": "slerp", "models": [{"model": "a"}], "base_model": "b"}

    finding = found(given)["parameter_missing"]

    assert (finding.what, finding.loc) == ("slerp needs t.", ("recipe", "parameters", "t"))


def test_a_missing_parameter_of_a_model_but_not_of_the_base() -> None:
    given = {"models": [{"model": "base"}, {"model": "a"}], "base_model": "base"}

    finding = found({"merge_method": "ties", **given})["parameter_missing"]

    assert finding.loc == ("recipe", "models", 1, "parameters", "weight")
    assert found({"merge_method": "ties", **given, "parameters": {"weight": 1}}).keys() == {
        "density"
    }


def test_filters_that_leave_tensors_without_a_value() -> None:
    t = [{"filter": "attn", "value": 0.2}]
    given = {"merge_method": "slerp", "models": [{"model": "a"}], "base_model": "b"}

    assert found({**given, "parameters": {"t": t}})["parameter_missing"].level == "warning"
    assert found({**given, "parameters": {"t": [*t, {"value": 0.5}]}}) == {}


def test_methods_by_filter_may_leave_tensors_without_one() -> None:
    by_filter = [{"filter": "mlp", "value": "linear"}]

    assert found(recipe(by_filter))["method_missing"].level == "warning"
    assert found(recipe([*by_filter, {"value": "linear"}])) == {}


def test_with_several_methods_the_parameters_of_each_are_known_and_needed() -> None:
    methods = [{"filter": "mlp", "value": "ties"}, {"value": "slerp"}]
    given = recipe(methods, "a", base_model="base", parameters={"density": 0.5})

    assert found(given).keys() == {"parameter_missing"}
    assert found({**given, "parameters": {"density": 0.5, "t": 0.1}}) == {}


def test_a_recipe_may_give_what_one_of_its_slices_needs() -> None:
    given = slices(("a", 0, 11), ("b", 11, 22))
    given["slices"][0] |= {"merge_method": "linear", "parameters": {"weight": 1}}

    assert "parameter_unknown" not in found(given | {"parameters": {"scale": 0.5}})
    assert "parameter_unknown" in found(given | {"parameters": {"density": 0.5}})


def test_a_model_that_is_there_twice() -> None:
    finding = found(recipe("linear", "a", "b", "a"))["twice"]

    assert (finding.level, finding.loc) == ("warning", ("recipe", "models", 2, "model"))


def test_two_references_of_one_name_are_one_model() -> None:
    assert "twice" in found(recipe(), names={"a": "elements v1", "b": "elements v1"})


@pytest.mark.parametrize("method", ["linear", "karcher"])
def test_a_base_that_is_not_compared_with_anything_is_a_note(method: str) -> None:
    given = {"merge_method": method, "models": [{"model": "a"}, {"model": "b"}]}
    weight = {"parameters": {"weight": 1}} if method == "linear" else {}

    assert found({**given, **weight, "base_model": "a"})["base_unused"].level == "note"


def test_parameters_of_the_base_are_a_note_and_listing_it_is_none() -> None:
    weighed = recipe("ties", "base", "a", base_model="base", parameters={"density": 0.5})
    plain = {**weighed, "models": [{"model": "base"}, weighed["models"][1]]}

    assert found(weighed)["base_listed"].loc == ("recipe", "models", 0, "parameters")
    assert found(plain) == {}


@pytest.mark.parametrize(
    ("weights", "code"),
    [((0, 0), "weights_zero"), ((1, -1), "weights_cancel"), ((1, 0), None), ((2, -1), None)],
)
def test_weights_that_come_to_nothing(weights: tuple[float, float], code: str | None) -> None:
    given = recipe()
    for entry, weight in zip(given["models"], weights, strict=True):
        entry["parameters"] = {"weight": weight}

    assert found(given).keys() == ({code} if code else set())


def test_weights_may_cancel_where_nothing_is_divided_by_them() -> None:
    given = own(recipe(parameters={"normalize": False}), weight=-0.5)

    assert found(given) == {}


@pytest.mark.parametrize(
    "method", [name for name in DECLARATIONS if name.startswith(("ties", "dare", "bread", "della"))]
)
def test_a_density_of_one_drops_nothing(method: MergeMethod) -> None:
    given = recipe(method, "a", base_model="base")

    assert found(given)["density"].level == "note"
    assert found({**given, "parameters": {"density": 0.6}}) == {}


def test_chances_beyond_certainty_are_an_error() -> None:
    given = recipe("della", "a", base_model="base", parameters={"density": 0.9, "epsilon": 0.15})

    assert found(given)["epsilon"].level == "error"


def test_layers_that_are_not_there() -> None:
    finding = found(slices(("a", 0, 10), ("b", 5, 23)))["layer_range"]

    assert finding.loc == ("recipe", "slices", 1, "sources", 0, "layer_range")
    assert finding.what == "b has 22 layers, not 23."


def test_another_depth_is_a_note() -> None:
    assert found(slices(("a", 0, 22), ("b", 8, 22)))["depth"].what.startswith(
        "The result has 36 layers; a has 22."
    )
    assert found(slices(("a", 0, 10), ("b", 10, 22))) == {}


@pytest.mark.parametrize(
    ("licences", "name", "kind", "codes"),
    [
        (("apache-2.0", "mit"), "apache-2.0", "permissive", set()),
        (("apache-2.0", None), "apache-2.0", "unknown", {"licence_unknown"}),
        (("apache-2.0", "mit AND unknown"), "apache-2.0", "unknown", {"licence_unknown"}),
        (("apache-2.0", "house"), "house", "unknown", {"licence_unknown"}),
        (("mit", "llama3.2"), "llama3.2", "community", {"licence_community"}),
        (("gpl-3.0", "mit"), "gpl-3.0", "copyleft", {"licence_copyleft"}),
        (
            ("gemma", "cc-by-nc-4.0"),
            "cc-by-nc-4.0 and gemma",
            "non-commercial",
            {"licence_community", "licence_non_commercial"},
        ),
        (("mit", "cc-by-nd-4.0"), "cc-by-nd-4.0", "no derivatives", {"licence_no_derivatives"}),
        (
            ("agpl-3.0", "gemma"),
            "agpl-3.0 and gemma",
            "copyleft",
            {"licence_copyleft", "licence_community", "licence_conflict"},
        ),
        (
            ("mit AND gemma", "mit"),
            "gemma",
            "community",
            {"licence_community"},
        ),
    ],
)
def test_licences(licences: tuple[str, str], name: str, kind: str, codes: set[str]) -> None:
    told = report(recipe(), {n: model(licence=x) for n, x in zip("ab", licences, strict=True)})

    assert {finding.code for finding in told.findings} == codes
    assert told.licence is not None
    assert (told.licence.name, told.licence.kind) == (name, kind)


def test_no_licence_is_told_while_none_is_known() -> None:
    nothing = model(licence=None)

    assert report(recipe(), {"a": nothing, "b": nothing}).licence is None


def test_the_nearest_common_ancestor_is_the_family() -> None:
    ancestry = {"a": ("a", "chat", "root"), "b": ("b", "code", "chat", "root")}

    assert report(recipe(), ancestry=ancestry).family == "chat"
    assert report(recipe(), ancestry={"a": ("a",)}).family is None


def test_strangers_are_a_warning() -> None:
    finding = found(recipe(), ancestry={"a": ("a", "x"), "b": ("b", "y")})["no_ancestor"]

    assert finding.level == "warning"


def test_a_model_that_was_not_made_from_the_base_is_a_warning() -> None:
    ancestry = {"a": ("a", "root"), "b": ("b", "root"), "base": ("base", "root")}
    given = ties(parameters={"density": 0.5})

    assert found(given, ancestry=ancestry)["base_no_ancestor"].what == "b was not made from base."
    assert found(given, ancestry=ancestry | {"base": ("root",)}) == {}


def test_the_estimate_knows_size_and_time() -> None:
    told = report(recipe()).estimate

    assert told is not None
    assert (told.parameters, told.output_bytes) == (1_100_000_000, 2_200_000_000)
    assert told.read_bytes == 4_400_000_000
    assert 1 < told.seconds < 10
    assert told.memory_bytes < 700_000_000


def test_a_wider_type_writes_more() -> None:
    told = report(recipe(dtype="float32")).estimate

    assert told is not None and told.output_bytes == 4_400_000_000


def test_a_stack_of_slices_is_estimated_by_its_layers() -> None:
    told = report(slices(("a", 0, 22), ("b", 0, 22))).estimate

    assert told is not None and told.parameters == 2_100_000_000


def test_dearer_methods_take_longer() -> None:
    every = {"a": model(), "base": model()}
    fast = report(recipe("task_arithmetic", "a", base_model="base"), every).estimate
    slow = report(recipe("della", "a", base_model="base"), every).estimate

    assert fast and slow and slow.seconds > 3 * fast.seconds


def test_nothing_is_estimated_while_a_size_is_not_known() -> None:
    assert report(recipe(), {"a": model()}).estimate is None


def stages(first: dict[str, Any], second: dict[str, Any]) -> Report:
    spec = {"stages": [{**first, "name": "one"}], "recipe": second}
    facts = {"a": model(licence="gemma"), "b": model(dtype="float32")}
    return examine(MergeSpec.model_validate(spec), facts)


def test_stages_are_examined_where_they_stand() -> None:
    told = stages(slices(("a", 0, 30)), recipe("linear", "one", "b"))

    by_code = {finding.code: finding.loc for finding in told.findings}
    assert by_code["layer_range"][:2] == ("stages", 0)
    assert by_code["shape"] == ("recipe", "models", 1, "model")


def test_what_a_stage_makes_is_known_to_the_next() -> None:
    told = stages(recipe("linear", dtype="bfloat16"), recipe("linear", "one"))

    assert told.licence is not None and told.licence.kind == "community"
    assert told.estimate is not None and told.estimate.output_bytes == 2_200_000_000


def test_findings_come_worst_first_and_each_once() -> None:
    given = slices(*[("a", 0, 40)] * 3, ("b", 0, 22))
    levels = [finding.level for finding in report(given).findings]

    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert len(set(report(given).findings)) == len(report(given).findings)


def test_a_report_is_plain_json() -> None:
    told = report(recipe(parameters={"x": 1}), {"a": model(), "b": model(layers=1)})

    assert Report.model_validate_json(told.model_dump_json()) == told


@pytest.mark.parametrize("method", list(DECLARATIONS))
def test_a_plain_recipe_of_every_method_is_no_error(method: MergeMethod) -> None:
    declared = DECLARATIONS[method]
    models = ["a", "b", "c"][: max(declared.fewest, 1)]
    needed = {p.name: 0.5 for p in declared.parameters if p.default is None and not p.optional}
    base = {"base_model": "base"} if declared.base == "required" else {}
    given = {"merge_method": method, "models": [{"model": m} for m in models], **base}
    facts = {name: model() for name in ("a", "b", "c", "base")}

    assert report({**given, "parameters": needed}, facts).errors == []
