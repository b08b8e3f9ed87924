"""The Dockerfile as written; no image is built here, as that needs a registry."""

import fnmatch
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "infra/docker/Dockerfile"
TARGETS = ("platform", "engine-cpu", "engine-cuda")
PINNED = re.compile(r"[a-z]+:\d+\.\d+\.\d+-[a-z-]+@sha256:[0-9a-f]{64}")
TOOLS = re.compile(r"\b(apt-get|apk|gcc|make|npm|pip3? install|curl|wget|git)\b")


@dataclass
class Stage:
    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def of(self, word: str) -> list[str]:
        return [rest for verb, rest in self.steps if verb == word]


@cache
def parsed() -> tuple[dict[str, str], dict[str, Stage]]:
    """The arguments before the first stage, and the stages by name."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        verb, _, rest = line.strip().partition(" ")
        if verb == "FROM":
            base, name = rest.split(" AS ")
            stages[name] = Stage(name, arguments.get(base.strip("${}"), base))
        elif verb == "ARG" and not stages:
            key, _, value = rest.partition("=")
            arguments[key] = value
        elif verb:
            list(stages.values())[-1].steps.append((verb, rest.strip()))
    return arguments, stages


def lineage(name: str) -> list[Stage]:
    """A stage and those that it is made on, the first one first."""
    stages = parsed()[1]
    stage = stages[name]
    return [*(lineage(stage.base) if stage.base in stages else []), stage]


def test_every_base_is_pinned_or_ours():
    stages = parsed()[1]

    bases = {stage.base for stage in stages.values()} - stages.keys()

    assert bases
    assert [base for base in bases if not PINNED.fullmatch(base)] == []


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_runs_as_root(target):
    users = [user for stage in lineage(target) for user in stage.of("USER")]

    assert users[-1] == "10001:10001"


def test_the_user_is_the_one_that_the_chart_and_the_runners_name():
    pods = (ROOT / "infra/helm/alloyworks/templates/_pods.tpl").read_text()

    assert "runAsUser: 10001" in pods


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_shipped_was_not_built_there(target):
    """Final stages take over what others made; no tool that made it comes along."""
    for stage in lineage(target):
        assert not any(TOOLS.search(step) for step in stage.of("RUN")), stage.name
    assert "rm -rf /usr/local/bin/pip*" in lineage(target)[0].of("RUN")[0]


def test_every_package_is_pinned():
    calls = [
        call
        for stage in parsed()[1].values()
        for step in stage.of("RUN")
        for call in re.findall(r"pip\b[^&|]*?\binstall\b[^&|]*", step)
    ]

    assert len(calls) == 4
    for call in calls:
        assert "-c constraints.txt" in call or re.search(r"[\w-]+==[\d.]+", call), call
    assert "npm ci" in " ".join(parsed()[1]["pages"].of("RUN"))


def test_the_extras_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = set(re.findall(r'"\.\[(\w+)\]"', DOCKERFILE.read_text()))

    assert named == {"platform", "engine"}
    assert named <= extras.keys()


def test_what_is_copied_is_there_and_let_through():
    for stage in parsed()[1].values():
        for step in stage.of("COPY"):
            if step.startswith("--from="):
                assert step.split("=")[1].split()[0] in parsed()[1]
                continue
            for source in step.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert let_through(source), source


def let_through(path: str) -> bool:
    """By .dockerignore: the last line that matches decides."""
    verdict = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.lstrip("!")
            if fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/"):
                verdict = line.startswith("!")
    return verdict


@pytest.mark.parametrize("path", [".git", ".alloy", ".venv", "tests", "frontend/node_modules"])
def test_nothing_else_of_the_checkout_goes_into_an_image(path):
    assert not let_through(path)


@pytest.mark.parametrize("target", TARGETS)
def test_the_command_exists(target):
    [command] = lineage(target)[-1].of("CMD")
    module = re.search(r'"-m", "([\w.]+)"', command)

    assert module and find_spec(module[1])


@pytest.mark.parametrize("target", TARGETS)
def test_every_image_says_what_is_in_it(target):
    [build] = [stage for name, stage in parsed()[1].items() if name == f"build-{target}"]

    assert "cyclonedx-py environment" in " ".join(build.of("RUN"))


def test_no_secret_and_no_address_is_written_into_an_image():
    text = DOCKERFILE.read_text()

    assert not re.search(r"https?://", text)
    assert not re.search(r"^(ARG|ENV).*(PASSWORD|SECRET|TOKEN)", text, re.MULTILINE)
