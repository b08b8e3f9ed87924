"""The REST API under schemathesis: no answer of 500 or above, no status that the document does not name.

    ./alloy bench fuzz --json bench/results/fuzz.json
    ./alloy bench fuzz --quick

Brings up a stack of its own, with a dataset and a few jobs in it, and lets schemathesis (in an
environment of its own) try every operation of the OpenAPI document as an owner and as a viewer:
right and wrong data, and sequences of calls that depend on each other. What is checked: 5xx,
undocumented statuses and media types, bodies that are not as documented, things that can be used
after they were deleted, and authentication that is ignored. Not checked: that 1 is refused where true
is documented, or 0.5 where a time is; and that all data is accepted that has the documented shape,
since models must exist and fit.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from bench import cache
from bench.faults.plays import play
from bench.faults.stage import Stage, stage
from bench.machine import where

Figures = dict[str, Any]
VERSION = "4.32.5"
EXAMPLES, QUICK = 200, 10
ROLES = ("owner", "viewer")
SETTINGS = {"ALLOY_API_RATE": "0", "ALLOY_LOCAL_SLOTS": "1"}
LEFT_OUT = ("positive_data_acceptance", "negative_data_rejection")


def run(quick: bool = False, only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    program = install()
    with (
        tempfile.TemporaryDirectory(prefix="alloy-fuzz-") as folder,
        stage(Path(folder) / "state", SETTINGS, tenants=1) as here,
    ):
        _furnish(here)
        for role in ROLES:
            if not only or role in only:
                print(f"as {role} …", file=sys.stderr)
                report = Path(folder) / f"{role}.json"
                examples = QUICK if quick else EXAMPLES
                _fuzz(program, here, role, examples, report)
                yield f"as {role}", _told(report) | {"examples": examples, "where": where()}


def install() -> Path:
    """The program, made when it is not there: a minute."""
    home = cache.folder() / "peers" / f"schemathesis-{VERSION}"
    if not (home / "complete").exists():
        print(f"Installing schemathesis {VERSION} into {home}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        words = ["-m", "pip", "install", "--quiet", f"schemathesis=={VERSION}"]
        subprocess.run([str(home / "bin" / "python"), *words], check=True, capture_output=True)
        (home / "complete").touch()
    return home / "bin" / "schemathesis"


def _furnish(here: Stage) -> None:
    """Something to find, so that operations are reached with success too."""
    chance = random.Random(1)
    for _ in range(4):
        list(play(here, chance))


def _fuzz(program: Path, here: Stage, role: str, examples: int, report: Path) -> None:
    document = f"{here.running.url}/api/v1/openapi.json"
    command = [
        *(str(program), "run", document, "--header", f"Authorization: Bearer {_key(here, role)}"),
        *("--max-examples", str(examples), "--seed", "1", "--workers", "2"),
        *("--exclude-checks", ",".join(LEFT_OUT), "--continue-on-failure"),
        # Random keys would be most of what is sent, and soon refused for being too many.
        *("--generation-with-security-parameters", "false"),
        # The one stream lasts until its job ends.
        *("--exclude-path-regex", "/stream$", "--request-timeout", "30"),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=report.parent)
    if not report.exists():
        raise SystemExit(f"schemathesis did not run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    report.with_suffix(".txt").write_text(done.stdout)


def _key(here: Stage, role: str) -> str:
    http: httpx.Client = here.tenants[0].http
    body = {"name": f"fuzz as {role}", "role": role}
    return str(http.post("/organisation/keys", json=body).raise_for_status().json()["api_key"])


def _told(report: Path) -> Figures:
    found = json.loads(report.read_text())
    failures = {failure["title"]: failure["operations"] for failure in found["failures"]}
    return {
        "operations": found["operations"]["tested"],
        "of": found["operations"]["total"],
        "requests": found["test_cases"]["generated"],
        "failures": sum(failure["count"] for failure in found["failures"]),
        "ok": not failures,
        "failed": failures,
    }
