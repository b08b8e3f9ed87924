"""The pure parts of `bench moe`."""

from pathlib import Path

import yaml

from alloyengine.moe.recipe import parse
from bench.merge_measure import Run, Runs
from bench.moe import MODES, figures, recipe

MODELS = [Path(f"/models/{number}") for number in range(3)]


def test_every_recipe_is_one_of_ours():
    for mode in MODES:
        found = parse(yaml.safe_dump(recipe(mode, MODELS)))
        assert found.gate_mode == mode
        assert [expert.source_model for expert in found.experts] == ["/models/1", "/models/2"]


def test_a_row_has_its_targets_from_the_peers_figures():
    ours, others = Runs([Run(2.0, 10**9)]), Runs([Run(8.0, 8 * 10**9)])

    found = figures(ours, others, targets=True)

    assert (found["ratio"], found["≥ ratio"], found["≤ GB"]) == (4.0, 3.0, 2.0)
    assert found["met"] is True


def test_a_row_without_a_peer_has_no_target():
    found = figures(Runs([Run(2.0, 10**9)]), Runs(), targets=True)

    assert "met" not in found
    assert found["ours s"] == 2.0
