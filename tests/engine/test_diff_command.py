import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from alloyengine.cli.diff import diff
from alloyengine.cli.diffmap import maps, summary
from alloyengine.diff.panels import Panel, Row
from alloyengine.errors import InputError
from tests.engine.adapting import write_adapter


def invoke(*words: object):
    app = typer.Typer()
    app.command()(diff)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_two_models_and_their_base_give_a_map(three_llamas: dict[str, Path]):
    base, first, second = three_llamas.values()
    result = invoke(first, second, "--base", base)
    assert result.exit_code == 0
    assert "first and second: sign conflicts" in result.stdout
    assert "self_attn.q_proj" in result.stdout


def test_the_map_is_written_as_picture_and_figures(three_llamas: dict[str, Path], tmp_path: Path):
    base, first, second = three_llamas.values()
    invoke(first, second, "--base", base, "--out", tmp_path / "out", "--json", tmp_path / "f.json")
    found = json.loads((tmp_path / "f.json").read_text())
    assert found == json.loads((tmp_path / "out" / "diff.json").read_text())
    assert found["models"] == [str(first), str(second)]
    assert (tmp_path / "out" / "diff.svg").read_text().startswith("<svg")


def test_json_on_the_terminal_stands_alone(three_llamas: dict[str, Path]):
    _, first, second = three_llamas.values()
    result = invoke(first, second, "--json", "-")
    assert json.loads(result.stdout)["total"]["difference"] > 0


def test_an_adapter_is_the_only_difference_it_makes(llama: Path, tmp_path: Path):
    adapter = write_adapter(tmp_path / "adapter")
    result = invoke(llama, f"{llama}+{adapter}", "--json", "-")
    tensors = json.loads(result.stdout)["tensors"]
    moved = {name for name, figures in tensors.items() if figures["difference"]}
    assert moved == {"model.layers.0.self_attn.q_proj.weight"}


def test_three_models_need_a_base(three_llamas: dict[str, Path]):
    result = invoke(*three_llamas.values())
    assert isinstance(result.exception, InputError)
    assert "--base" in result.exception.remedy


def shown(panel: Panel, width: int, colours: bool) -> list[str]:
    console = Console(width=width, record=True, color_system="truecolor" if colours else None)
    with console.capture() as captured:
        console.print(maps([panel], width, colours))
    return captured.get().splitlines()


PANEL = Panel("title", "meaning", "angle", [0, 1], [Row("up", [1.0, -0.5]), Row("k", [None, 0])], 0)


def test_without_colours_shades_tell_the_signs_apart():
    assert shown(PANEL, 80, colours=False)[2] == "up  ██--"


def test_a_narrow_terminal_gets_one_character_for_a_layer():
    assert shown(PANEL, 7, colours=False)[2] == "up  █-"


def test_with_colours_opposites_have_another_one():
    line = shown(PANEL, 80, colours=True)[2]
    assert "48;2;60;170;250" in line
    assert "48;2;144;71;84" in line


def test_many_maps_are_left_to_the_picture():
    console = Console(width=80)
    with console.capture() as captured:
        console.print(maps([PANEL] * 11, 80, colours=False))
    assert captured.get() == "11 maps: --out writes them as a picture.\n"


@pytest.mark.parametrize("value", [None, 0.25])
def test_the_summary_has_a_line_for_every_model_and_pair(value: float | None):
    figures = dict.fromkeys(("cosine", "conflict", "weighted_conflict", "overlap"), value)
    total = {"norm": {"a": value, "b": value}, "pairs": [{"a": "a", "b": "b"} | figures]}
    console = Console(width=120)
    with console.capture() as captured:
        console.print(summary({"models": ["a", "b"], "pairs": [], "total": total}))
    told = captured.get()
    assert "a and b" in told
    assert ("+0.2500" if value else "–") in told
