import sys
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.heatmap import heatmap
from alloyengine.cli.main import main

REPORT = {
    "percent": 50,
    "types": ["mlp.up_proj", "mlp.w1"],
    "layers": 2,
    "rows": [
        {"type": "mlp.up_proj", "layer": 0, "snr": 1.0, "selected": False},
        {"type": "mlp.up_proj", "layer": 1, "snr": 2.0, "selected": True},
        {"type": "mlp.w1", "layer": 1, "snr": 3.0, "selected": True},
    ],
}


def alloy(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["alloy", *map(str, words)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_map_has_a_row_for_each_type_and_a_dot_for_each_selected():
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(heatmap(REPORT))
    title, *rows = console.export_text().splitlines()
    assert title == "Signal-to-noise by type and layer; • is trained (50% of each type)"
    assert [row.rstrip() for row in rows] == ["mlp.up_proj    •", "mlp.w1         •"]


def test_the_command_writes_what_trainers_read(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "found"
    assert alloy(monkeypatch, "spectrum", llama, "--top", 50, "--out", out) == 0
    listed = yaml.safe_load((out / "unfrozen_50.yaml").read_text())
    assert len(listed["unfrozen_parameters"]) == 1 + 7
    assert (out / "snr.json").exists()
    assert (out / "snr_50.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_no_model_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert alloy(monkeypatch, "spectrum", tmp_path / "nowhere") == 2
    assert "There is no model folder 'nowhere'" in capsys.readouterr().err


def test_the_terminal_shows_phases_and_figures(capsys: pytest.CaptureFixture[str]):
    with ConsoleReporter() as report:
        report.log("Begins.")
        report.metric("loss", 1, 0.25)
        report.progress("Training", 1, 1)
        report.metric("loss", 2, 0.125)
        report.progress("Training", 1, 1)
        assert not report.stopping()
    shown = capsys.readouterr().err
    assert "Begins." in shown
    assert "Training" in shown and "loss 0.1250" in shown
