"""`alloy bench` as a command: which benches there are, their options, and what it keeps."""

import json
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from alloyworks.cli import bench as command

app = typer.Typer()
app.command()(command.bench)


def bench(monkeypatch, run, *words):
    monkeypatch.setattr(command, "_load", lambda name: SimpleNamespace(run=run))
    return CliRunner().invoke(app, ["name", *map(str, words)])


def test_every_bench_of_the_house_can_be_loaded():
    for name in ("merge", "pages", "parity"):
        assert callable(command._load(name).run)


def test_a_helper_of_a_bench_is_no_bench():
    with pytest.raises(typer.BadParameter, match="'tensors' is no bench"):
        command._load("tensors")


def test_figures_are_shown_and_written(monkeypatch, tmp_path):
    file = tmp_path / "figures.json"

    done = bench(monkeypatch, lambda: {"linear": {"ours s": 1.5}}, "--json", file)

    assert "linear" in done.stdout and "1.5" in done.stdout
    assert json.loads(file.read_text()) == {"linear": {"ours s": 1.5}}


def test_the_place_of_measurement_is_written_but_not_shown(monkeypatch, tmp_path):
    file = tmp_path / "figures.json"
    row = {"ours s": 1.5, "where": {"cpu": "EPYC"}}

    done = bench(monkeypatch, lambda: {"linear": row}, "--json", file)

    assert "EPYC" not in done.stdout and "where" not in done.stdout
    assert json.loads(file.read_text())["linear"] == row


def test_rows_chosen_by_only_leave_the_others_of_the_file(monkeypatch, tmp_path):
    file = tmp_path / "figures.json"
    file.write_text(json.dumps({"ties": {"ours s": 9}, "linear": {"ours s": 9}}))

    bench(monkeypatch, lambda only: {only[0]: {"ours s": 1}}, "--only", "ties", "--json", file)

    assert json.loads(file.read_text()) == {"ties": {"ours s": 1}, "linear": {"ours s": 9}}


def test_each_row_is_written_as_soon_as_it_is_measured(monkeypatch, tmp_path):
    file = tmp_path / "figures.json"

    def run():
        yield "first", {"ours s": 1}
        raise SystemExit("cut off")

    bench(monkeypatch, run, "--json", file)

    assert json.loads(file.read_text()) == {"first": {"ours s": 1}}


def test_an_option_that_the_bench_does_not_know_is_refused(monkeypatch):
    done = bench(monkeypatch, lambda: {"ties": {}}, "--quick")

    assert done.exit_code == 2
    assert "bench name has no --quick" in done.output


def test_a_row_that_is_not_ok_ends_the_command_with_an_error(monkeypatch):
    assert bench(monkeypatch, lambda: {"ties": {"ok": False}}).exit_code == 1
    assert bench(monkeypatch, lambda: {"ties": {"ok": True}}).exit_code == 0


def test_words_of_an_option_are_separated_by_commas(monkeypatch):
    given: list[object] = []

    bench(monkeypatch, lambda sizes: given.append(sizes) or {}, "--sizes", "0.1B, 3B")

    assert given == [["0.1B", "3B"]]


def test_what_is_wider_than_the_terminal_is_listed_instead(monkeypatch):
    wide = {f"figure number {n}": n for n in range(30)}
    shown = bench(monkeypatch, lambda: {"narrow": {"s": 1}, "wide": wide}).stdout
    assert "figure number 29 29" in shown.replace("\n", " ").replace("  ", " ")
    assert "…" not in shown
