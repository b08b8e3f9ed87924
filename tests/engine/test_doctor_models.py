"""What the doctor says of models that do not fit, or fit and speak otherwise."""

from typing import Any

import pytest

from alloyengine.spec.result import (
    AdapterFacts,
    ModelFacts,
    Rope,
    SpecialToken,
    VocabularyFacts,
)
from tests.engine.examining import END, found, model, recipe, report, slices

B = ("recipe", "models", 1, "model")
ADAPTER = AdapterFacts(rank=8, base="meta/llama")


def against(**facts: Any) -> dict[str, Any]:
    """What is said of b, when it differs from a in these facts."""
    return found(recipe(), {"a": model(), "b": model(**facts)})


def test_models_of_one_kind_need_no_doctor() -> None:
    assert report(recipe()).findings == []


def test_nothing_is_said_of_models_that_are_not_known() -> None:
    bare = ModelFacts(architecture="unknown", parameters=0, dtype="")

    assert found(recipe(), {}) == {}
    assert found(recipe(), {"a": model()}) == {}
    assert "shape" not in found(recipe(), {"a": model(), "b": bare})


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"layers": 24}, "number of layers 24 instead of 22"),
        ({"hidden_size": 4096, "head_dim": 128}, "hidden size 4,096 instead of 2,048, head size"),
        ({"key_value_heads": 32}, "key/value heads 32 instead of 4"),
        ({"intermediate_size": 8192}, "intermediate size 8,192 instead of 5,632"),
        ({"shapes": "x"}, "its weights have other names or shapes"),
        ({"shapes": None, "parameters": 7}, "number of weights 7 instead of 1,100,000,000"),
        ({"architecture": "Phi", "shapes": "x"}, "architecture Phi instead of LlamaForCausalLM"),
    ],
)
def test_another_shape_is_an_error(facts: dict[str, Any], words: str) -> None:
    finding = against(**facts)["shape"]

    assert (finding.level, finding.loc) == ("error", B)
    assert finding.what.startswith(f"b differs from a: {words}")


def test_another_architecture_of_the_same_shapes_is_a_warning() -> None:
    told = against(architecture="MistralForCausalLM")

    assert told["architecture"].level == "warning" and "shape" not in told


def test_everything_is_compared_with_the_base() -> None:
    given = recipe("task_arithmetic", "a", "b", base_model="base")
    facts = {"a": model(), "b": model(), "base": model(layers=12)}

    told = [finding for finding in report(given, facts).findings if finding.code == "shape"]

    assert [finding.loc for finding in told] == [("recipe", "models", 0, "model"), B]


def test_slices_may_choose_layers_of_deeper_models() -> None:
    facts = {"a": model(), "b": model(layers=30, parameters=5, shapes="deeper")}

    assert "shape" not in found(slices(("a", 0, 22), ("b", 22, 30)), facts)


def test_towers_may_differ_in_everything_else() -> None:
    given = {"merge_method": "passthrough", "modules": {"text": {"models": [{"model": "b"}]}}}

    told = found({**given, "base_model": "a"}, {"a": model(), "b": model(layers=3)})

    assert "shape" not in told


def test_vocabularies_of_other_sizes_are_an_error_with_the_remedy() -> None:
    finding = against(embedding_rows=32_001)["vocabulary"]

    assert finding.level == "error" and "vocabulary 32,001 instead of 32,000" in finding.what
    assert "tokenizer_source: union" in finding.remedy


@pytest.mark.parametrize("field", ["tokenizer_source", "tokenizer"])
def test_a_new_vocabulary_heals_that(field: str) -> None:
    union = {"tokenizer_source": "union", "tokenizer": {"source": "union"}}
    given = recipe(**{field: union[field]})
    other = model(embedding_rows=9, tokenizer=VocabularyFacts(tokens=9, digest="x"))

    assert found(given, {"a": model(), "b": other}) == {}


def test_equally_large_vocabularies_of_other_tokens_are_a_warning() -> None:
    told = against(tokenizer=VocabularyFacts(tokens=32_000, digest="other"))

    assert told["tokens"].level == "warning"


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (SpecialToken(text="<|im_end|>", id=2), True),
        (SpecialToken(text="</s>", id=5), True),
        (SpecialToken(id=2), False),
        (SpecialToken(text="</s>"), False),
    ],
)
def test_special_tokens(token: SpecialToken, told: bool) -> None:
    assert ("special_tokens" in against(special_tokens={"eos": token})) is told


def test_with_a_new_vocabulary_only_the_text_of_special_tokens_counts() -> None:
    moved = {"a": model(), "b": model(special_tokens={"eos": SpecialToken(text="</s>", id=9)})}
    other = {"a": model(), "b": model(special_tokens={"eos": SpecialToken(text="<e>", id=2)})}
    given = recipe(tokenizer_source="union")

    assert found(given, moved) == {}
    assert found(given, other)["special_tokens"].level == "note"


def test_special_tokens_are_told_with_text_and_id() -> None:
    what = against(special_tokens={"eos": SpecialToken(text="<e>", id=7)})["special_tokens"].what

    assert "end is '<e>' (7) in one, '</s>' (2) in the other" in what
    assert END["eos"].id == 2


def test_a_head_that_the_result_has_no_place_for_is_an_error() -> None:
    told = found(recipe(), {"a": model(tied_embeddings=True), "b": model()})

    assert (told["head"].level, told["head"].loc) == ("error", B)


def test_an_embedding_that_stands_in_for_a_head_is_a_note() -> None:
    assert against(tied_embeddings=True)["head"].level == "note"


def test_other_chat_templates_are_told_once() -> None:
    facts = {"a": model(), "b": model(chat_template="x"), "c": model(chat_template="y")}

    told = report(recipe("linear", "a", "b", "c"), facts).findings

    assert [finding.code for finding in told] == ["chat_template"]
    assert told[0].loc == ("recipe", "chat_template")
    assert told[0].what.startswith("b and c have another chat template than a.")


def test_a_chosen_chat_template_ends_the_matter() -> None:
    facts = {"a": model(), "b": model(chat_template="x")}

    assert found(recipe(chat_template="auto"), facts) == {}


def test_a_missing_chat_template_is_missed_only_where_others_have_one() -> None:
    none = model(chat_template=None)

    assert (
        "has no chat template" in found(recipe(), {"a": none, "b": model()})["chat_template"].what
    )
    assert found(recipe(), {"a": model(), "b": none}) == {}


@pytest.mark.parametrize(
    ("rope", "words"),
    [
        (Rope(theta=1e6), "rope theta 1,000,000 instead of 10,000"),
        (Rope(theta=1e4, scaling="yarn, factor 4"), "scaling yarn, factor 4 instead of none"),
    ],
)
def test_other_positions_are_a_warning(rope: Rope, words: str) -> None:
    finding = against(rope=rope)["rope"]

    assert finding.level == "warning" and words in finding.what


def test_another_context_is_a_note() -> None:
    assert against(context=8192)["context"].level == "note"


def test_quantised_models_are_refused_where_they_are_listed() -> None:
    finding = against(quantised=True)["quantised"]

    assert (finding.level, finding.loc) == ("error", B)


def test_an_adapter_is_no_model() -> None:
    told = found(recipe(), {"a": model(), "b": model(adapter=ADAPTER)})

    assert told["adapter"].remedy == "Name its model before it: model+adapter."


@pytest.mark.parametrize(
    ("facts", "fits"),
    [
        ({"adapter": ADAPTER}, True),
        ({"adapter": ADAPTER, "hidden_size": 576}, False),
        ({"adapter": ADAPTER, "layers": 40}, False),
        ({}, False),
    ],
)
def test_adapters_fit_their_models_or_not(facts: dict[str, Any], fits: bool) -> None:
    known = {"a": model(), "b": model(), "lora": model(**facts)}

    assert ("adapter" not in found(recipe("linear", "a", "b+lora"), known)) is fits


def test_a_model_with_an_adapter_has_the_models_shape_and_both_names() -> None:
    known = {"a": model(), "b": model(layers=3), "lora": model(adapter=ADAPTER)}

    told = found(recipe("linear", "a", "b+lora"), known, names={"b": "Beta", "lora": "Poet"})

    assert told["shape"].what.startswith("Beta with Poet differs from a: ")


def test_float16_may_be_too_narrow() -> None:
    assert found(recipe(dtype="float16"))["float16"].level == "warning"
    half = model(dtype="float16")
    assert found(recipe(dtype="float16"), {"a": half, "b": half}) == {}


def test_mixed_types_are_a_note_until_one_is_chosen() -> None:
    mixed = {"a": model(), "b": model(dtype="float32")}

    assert found(recipe(), mixed)["types"].what.endswith("; the result has bfloat16.")
    assert found(recipe(out_dtype="bfloat16"), mixed) == {}
