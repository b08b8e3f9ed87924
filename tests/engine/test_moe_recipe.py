import pytest
from pydantic import ValidationError

from alloyengine.errors import InputError
from alloyengine.moe.choose import choose
from alloyengine.moe.kinds import DEFAULTS, KINDS
from alloyengine.moe.recipe import parse
from alloyengine.spec.job import job_spec
from alloyengine.spec.moe import DENSE, MoeSpec

# As mergekit's documentation has it.
PEERS = """
base_model: path/to/self_attn_donor
gate_mode: hidden
dtype: bfloat16
experts_per_token: 2
experts:
  - source_model: expert_model_1
    positive_prompts:
      - "This is a prompt that is demonstrative of what expert_model_1 excels at"
    negative_prompts:
      - "This is a prompt expert_model_1 should not be used for"
  - source_model: {model: {path: expert_model_2, revision: v2}, lora: adapter}
    positive_prompts: [other]
    negative_prompts:
    residual_scale: 0.5
    noise_scale: 0
shared_experts:
  - source_model: model_name
    positive_prompts: [blah blah]
    residual_scale: 0.1
architecture: qwen
"""
TWO = (
    "experts: [{source_model: a, positive_prompts: [x]}, {source_model: b, positive_prompts: [y]}]"
)


def test_the_peers_recipe_is_read_as_it_is():
    found = parse(PEERS)
    assert [expert.source_model for expert in found.sources] == [
        "expert_model_1",
        "expert_model_2@v2+adapter",
        "model_name",
    ]
    assert found.experts[1].negative_prompts == []
    assert (found.experts[1].residual_scale, found.experts_per_token) == (0.5, 2)


def test_every_model_and_adapter_is_an_input():
    found = [(ref.loc, ref.reference) for ref in MoeSpec(recipe=parse(PEERS)).inputs()]
    assert found == [
        (("recipe", "base_model"), "path/to/self_attn_donor"),
        (("recipe", "experts", 0, "source_model"), "expert_model_1"),
        (("recipe", "experts", 1, "source_model"), "expert_model_2@v2"),
        (("recipe", "experts", 1, "source_model"), "adapter"),
        (("recipe", "shared_experts", 0, "source_model"), "model_name"),
    ]


def test_it_is_a_job_spec():
    spec = MoeSpec(recipe=parse(PEERS))
    assert job_spec.validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base_model: m\nexperts: []", r"recipe: experts: "),
        ("base_model: m", r"recipe: .*[Ff]ield required"),
        (f"base_model: m\n{TWO}\nexperts_per_token: 3", "3 experts are asked .* there are only 2"),
        (f"base_model: m\n{TWO}\nexperts_per_token: 0", "experts_per_token: "),
        (
            f"base_model: m\n{TWO}\ngate_mode: hiden",
            r"'hiden' is not known.* Did you mean 'hidden'",
        ),
        (f"base_model: m\n{TWO}\nexpert_per_token: 2", "Did you mean 'experts_per_token'"),
        (
            "base_model: m\nexperts: [{source_model: a, positive_prompts: [x]}, {source_model: b}]",
            "experts.1.positive_prompts: expert 1 has no positive_prompts",
        ),
        (
            "base_model: m\nexperts: [{source_model: a, positive_prompts: [x]}, {source_model: b, positive_prompts: [x]}]",
            "all experts have the same prompts",
        ),
        (
            "base_model: m\nexperts: [{source_model: a, positive_prompts: [x]}, {source_model: a, positive_prompts: [y]}]",
            "all experts are the same model.*gate_mode: random",
        ),
        ("- a list", "it is not a mapping"),
        ("{base_model: m}\n---\n{base_model: n}", "2 documents"),
        ("base_model: [", "not valid YAML"),
    ],
)
def test_what_can_not_work_is_refused_in_words(text: str, message: str):
    with pytest.raises(InputError, match=message):
        parse(text)


@pytest.mark.parametrize("gates", ["gate_mode: random", "gate_mode: uniform_random"])
def test_random_routers_need_neither_prompts_nor_different_models(gates: str):
    text = f"base_model: m\n{gates}\nexperts: [{{source_model: a}}, {{source_model: a}}]"
    assert len(parse(text).experts) == 2


def test_noise_makes_equal_experts_different():
    expert = "{source_model: a, noise_scale: 0.01, positive_prompts: [%s]}"
    assert parse(f"base_model: m\nexperts: [{expert % 'x'}, {expert % 'y'}]").experts


def test_one_shared_expert_is_the_most():
    shared = "shared_experts: [{source_model: a}, {source_model: b}]"
    with pytest.raises(InputError, match="shared_experts"):
        parse(f"base_model: m\n{TWO}\n{shared}")


def chosen(kind: str, more: str = "", **config: object) -> str:
    found = parse(f"base_model: m\n{TWO}\n{more}")
    return choose(found, {"model_type": kind, **config}).name


PROMPTED = "shared_experts: [{source_model: s, positive_prompts: [z]}]"
SILENT = "shared_experts: [{source_model: s}]"


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("llama", "", "mixtral"),
        ("mistral", "", "mixtral"),
        ("qwen3", "", "qwen3_moe"),
        ("qwen2", PROMPTED, "qwen2_moe"),
        ("llama", PROMPTED, "qwen2_moe"),
        ("llama", SILENT, "granitemoeshared"),
        ("granite", "", "granitemoe"),
        ("olmo2", "", "flex_olmo"),
        ("ernie4_5", SILENT, "ernie4_5_moe"),
        ("lfm2", "", "lfm2_moe"),
        ("llama", "architecture: Mixtral", "mixtral"),
        ("llama", "architecture: granitemoe", "granitemoe"),
        ("qwen3", "architecture: qwen", "qwen3_moe"),
        ("qwen3", "architecture: Qwen3 MoE", "qwen3_moe"),
    ],
)
def test_the_architecture_follows_from_the_models_and_the_shared_expert(
    kind: str, more: str, expected: str
):
    assert chosen(kind, more, sliding_window=None) == expected


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("gpt2", "", "'gpt2' can't become experts"),
        ("qwen2", "", "qwen2_moe needs an expert in shared_experts"),
        ("qwen2", SILENT, "needs positive_prompts"),
        ("qwen3", PROMPTED, "qwen3_moe has no shared expert"),
        ("granite", PROMPTED, "its prompts would be lost"),
        ("qwen3", "architecture: mixtral", "mixtral takes models of the kind llama or mistral"),
        ("llama", "architecture: deepseek", "would need code of its own"),
        ("llama", "architecture: mixtrel", "Did you mean 'mixtral'"),
    ],
)
def test_what_has_no_architecture_is_told_why(kind: str, more: str, message: str):
    with pytest.raises(InputError, match=message):
        chosen(kind, more)


def test_a_sliding_window_is_not_lost_silently():
    assert chosen("mistral", sliding_window=4096) == "mixtral"
    with pytest.raises(InputError, match="can't look through the base's sliding window"):
        chosen("mistral", PROMPTED, sliding_window=4096)


def test_the_spec_knows_what_the_table_takes():
    assert set(DENSE) == {name for kind in KINDS for name in kind.takes} == set(DEFAULTS)


def test_a_spec_with_a_bad_recipe_is_no_spec():
    with pytest.raises(ValidationError):
        MoeSpec.model_validate({"kind": "moe", "recipe": {"base_model": "m"}})
