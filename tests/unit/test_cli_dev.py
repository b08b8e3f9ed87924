"""The steps of `alloy test` before the tests themselves."""

import sys

import pytest

from alloyworks.cli import dev


def step(code):
    return dev.Step("a step", [sys.executable, "-c", code])


def test_a_step_that_passes_is_one_line(capsys):
    assert dev._passes(step("print('chatter')"))
    assert capsys.readouterr().out.startswith("a step           ok ")


def test_a_step_that_fails_shows_its_words(capsys):
    assert not dev._passes(step("import sys; print('the reason'); sys.exit(3)"))
    shown = capsys.readouterr()
    assert "failed" in shown.out
    assert "the reason" in shown.err


def test_the_tests_never_see_the_settings_of_the_shell(monkeypatch):
    monkeypatch.setenv("ALLOY_DATABASE_URL", "postgresql://production")
    assert not [name for name in dev._without_settings() if name.startswith("ALLOY_")]


def test_without_chromium_the_browser_tests_are_skipped_aloud(monkeypatch, capsys):
    monkeypatch.setattr(dev, "_found_chromium", lambda: False)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    assert not dev._chromium()
    assert "no chromium" in capsys.readouterr().out


@pytest.mark.parametrize("title", ["lint", "format", "imports", "django", "migrations", "types"])
def test_every_gate_is_a_step(title):
    assert title in [step.title for step in dev._checks()]
