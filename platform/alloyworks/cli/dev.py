"""Check the checkout: lint, types, architecture, pages, and all tests."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import typer

from alloyworks.embedded.state import ROOT

test = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

BIN = Path(sysconfig.get_path("scripts"))
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
SETTINGS = {
    "ALLOY_SECRET_KEY": "checks-need-no-secret-but-settings-do",
    "ALLOY_DATABASE_URL": "postgresql://nobody:none@127.0.0.1:9/none",
    "ALLOY_BROKER_URL": "redis://127.0.0.1:9/0",
    "DJANGO_SETTINGS_MODULE": "alloyworks.settings",
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": "ignore",
}
"""Enough for Django to load; nothing listens at these addresses."""


@dataclass(frozen=True)
class Step:
    title: str
    command: list[str]
    folder: Path = ROOT
    variables: Mapping[str, str] = field(default_factory=dict)


@test.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(context: typer.Context) -> None:
    """Check the checkout. Further words go to pytest: `alloy test tests/unit -x`."""
    passed = [_passes(step) for step in [*_checks(), *_page_checks()]]
    chosen = [] if _chromium() else ["-m", "not browser"]
    if chosen and os.environ.get("CI"):
        passed.append(False)
    tests = [str(BIN / "pytest"), "-n", "2", "--dist", "loadfile", "-q", *chosen, *context.args]
    clean = _without_settings() | _node_path()
    tested = subprocess.run(tests, cwd=ROOT, env=clean, check=False).returncode
    sys.exit(tested or int(not all(passed)))


def _checks() -> list[Step]:
    manage = [sys.executable, "manage.py"]
    return [
        Step("lint", [str(BIN / "ruff"), "check", "."]),
        Step("format", [str(BIN / "ruff"), "format", "--check", "."]),
        Step("imports", [str(BIN / "lint-imports")]),
        Step("django", [*manage, "check"], variables=SETTINGS),
        Step("migrations", [*manage, "makemigrations", "--check"], variables=SETTINGS),
        Step("types", [str(BIN / "mypy")], variables=SETTINGS),
    ]


def _page_checks() -> list[Step]:
    return [
        Step(f"pages: {script}", ["npm", "run", "--if-present", script], ROOT / "frontend")
        for script in ("check", "test")
    ]


def _passes(step: Step) -> bool:
    """Runs it quietly: one line when it passes, its words when it does not."""
    began = time.monotonic()
    environment = {**os.environ, **_node_path(), **step.variables}
    done = subprocess.run(
        step.command, cwd=step.folder, env=environment, check=False, capture_output=True, text=True
    )
    verdict = "failed" if done.returncode else "ok"
    typer.echo(f"{step.title:16} {verdict:6} {time.monotonic() - began:5.1f} s")
    if done.returncode:
        typer.echo(done.stdout + done.stderr, err=True)
    return done.returncode == 0


def _chromium() -> bool:
    """Whether the browser tests can run; installs Debian's chromium where that is possible."""
    if _found_chromium():
        return True
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        typer.echo("browser tests    skipped: there is no chromium, and only root can install it")
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"]
    for command in (["apt-get", "update", "-q"], install):
        done = subprocess.run(command, env=quiet, check=False, capture_output=True, text=True)
    if not _found_chromium():
        typer.echo(f"browser tests    skipped: {done.stderr.strip()[-500:]}")
    return _found_chromium()


def _found_chromium() -> bool:
    return any(shutil.which(name) for name in CHROMIUM)


def _without_settings() -> dict[str, str]:
    """Tests bring their own servers; they must never meet the ones of this shell."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ALLOY_")}


def _node_path() -> dict[str, str]:
    """Puts the Node that came with the packages before the machine's."""
    return {"PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
