"""The pure parts of `bench merge`: recipes, choices, verdicts, files."""

from pathlib import Path

import numpy as np

from alloyengine.merge.recipe import parse
from alloyengine.spec.methods import DECLARATIONS
from bench import machine, merge_copy, tensors
from bench.merge_cases import COUNTS, METHODS, Case, chosen, growth, methods, verdict
from bench.merge_measure import Run, Runs, measure_writer
from bench.models import SIZES

MODELS = {number: Path(f"/models/{number}") for number in range(9)}


def test_every_method_is_measured():
    assert {case.method for case in METHODS} == set(DECLARATIONS)


def test_every_recipe_is_one_of_ours(tmp_path):
    import yaml

    for case in [*METHODS, *COUNTS, *growth(["3B"])]:
        recipe = parse(yaml.safe_dump(case.recipe(MODELS)))
        assert recipe.merge_method == case.method


def test_names_of_rows_say_method_size_and_number_of_models():
    assert Case("ties", 2).name == "ties 1.1B (3)"
    assert Case("linear", 2, base=False, size="3B").name == "linear 3B (2)"


def test_a_base_is_named_once():
    recipe = Case("slerp", 1, shared={"t": 0.5}).recipe(MODELS)

    assert recipe["base_model"] == "/models/0"
    assert recipe["models"] == [{"model": "/models/1"}]


def test_a_whole_word_chooses_that_method_alone():
    names = ["ties 1.1B (3)", "dare_ties 1.1B (3)", "linear 3B (2)"]

    assert chosen(names, ["ties"]) == ["ties 1.1B (3)"]
    assert chosen(names, ["dare"]) == ["dare_ties 1.1B (3)"]
    assert chosen(names, []) == names


def test_a_row_meets_its_targets_only_when_it_meets_all():
    reached = {"ours s": 2.0, "ours GB": 0.4, "ratio": 6.0, "≥ ratio": 5, "≤ GB": 0.7}

    assert verdict(reached) is True
    assert verdict(reached | {"ours GB": 0.8}) is False
    assert verdict(reached | {"ratio": 4.9}) is False
    assert verdict({"ours s": 2.0, "ours GB": 0.4}) is None


def test_targets_are_dropped_at_a_size_that_they_are_not_about():
    assert methods(["0.1B", "1.1B"]) == METHODS
    assert all(not case.targets and case.size == "0.1B" for case in methods(["0.1B"]))


def test_figures_are_the_median_and_the_highest_peak():
    runs = Runs([Run(1.0, 10**9), Run(9.0, 3 * 10**9), Run(2.0, 2 * 10**9)])

    assert runs.figures("ours") == {"ours s": 2.0, "ours GB": 3.0}
    assert runs.spread == {"min": 1.0, "max": 9.0, "seconds": [1.0, 9.0, 2.0]}


def test_a_measured_program_leaves_no_output(tmp_path):
    out = tmp_path / "out"

    run = measure_writer(["mkdir", str(out)], out, [])

    assert run.seconds > 0 and run.peak > 0
    assert not out.exists()


def test_sizes_are_what_their_names_say():
    counts = {
        size: sum(int(np.prod(shape)) for shape in llama.shapes().values())
        for size, llama in SIZES.items()
    }

    for size, count in counts.items():
        assert abs(count / 1e9 / float(size.removesuffix("B")) - 1) < 0.03


def test_a_written_file_reads_back(tmp_path):
    values = {"a": np.array([[1.0, -2.5]], np.float32), "b": np.array([3.0], np.float32)}

    for dtype in tensors.BYTES:
        tensors.write(tmp_path / "model.safetensors", values, dtype)
        found = tensors.read(tmp_path)
        assert {name: found[name].tolist() for name in found} == {"a": [[1, -2.5]], "b": [3]}


def test_bfloat16_rounds_to_the_nearest_and_halves_to_even():
    values = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20], np.float32)

    assert tensors.decode(tensors.encode(values, "BF16"), "BF16").tolist() == [
        1.0,
        1 + 2**-6,
        1 + 2**-7,
    ]


def test_the_copy_reads_all_and_writes_the_first(tmp_path):
    first, second, out = tmp_path / "first", tmp_path / "second", tmp_path / "out"
    first.write_bytes(bytes(range(256)) * 50_000)
    second.write_bytes(bytes(256) * 50_000)

    merge_copy.copy(str(out), [str(first), str(second)])

    assert out.read_bytes() == first.read_bytes()


def test_the_processor_is_named_in_the_words_of_the_kernel():
    assert machine.cpu("processor : 0\nmodel name\t: AMD EPYC 7B13\n") == "AMD EPYC 7B13"
    assert machine.cpu("") == "unknown"
