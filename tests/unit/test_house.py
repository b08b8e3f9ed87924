"""Guards of the house itself: its rooms, its names, its sizes."""

import ast
import platform
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = {"platform": "alloyworks", "workers": "alloyengine", "k8s": "alloykube"}
CODE = {".py", ".ts", ".css", ".sh"}
LONGEST_FILE = 400


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_platform_is_pythons_own_module():
    assert Path(platform.__file__).is_relative_to(sysconfig.get_path("stdlib"))


@pytest.mark.parametrize(("room", "package"), SOURCE_ROOTS.items())
def test_a_source_root_holds_one_package_and_no_code_of_its_own(room, package):
    visible = {path.name for path in (ROOT / room).iterdir() if path.name != "__pycache__"}
    assert visible == {package}


def test_the_root_of_the_tree_is_on_no_path_of_the_installed_project():
    words = "import sys; print(*sys.path, sep='\\n')"
    shown = subprocess.run(
        [sys.executable, "-P", "-c", words], cwd="/", check=True, capture_output=True, text=True
    )
    assert str(ROOT) not in shown.stdout.splitlines()


def test_no_file_of_code_is_longer_than_a_person_wants_to_read():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in tracked()
        if path.suffix in CODE and "migrations" not in path.parts
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_path_of_a_builders_machine_is_in_the_tree():
    # Put together here, so that this file does not find itself.
    strangers = ["/".join(["", *parts]) for parts in (("tmp", "w", ""), ("work", ""), ("root", ""))]
    found = []
    for path in tracked():
        words = path.read_bytes().decode(errors="ignore")
        found += [(str(path), word) for word in strangers if f" {word}" in words]
        found += [(str(path), word) for word in strangers if f'"{word}' in words]
    assert found == []


def test_every_command_of_the_project_can_be_found():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for entry in project["entry-points"]["alloy.commands"].values():
        module, _, name = entry.partition(":")
        assert defines(module, name), entry


def defines(module: str, name: str) -> bool:
    room = next(room for room, package in SOURCE_ROOTS.items() if module.startswith(package))
    path = ROOT / room / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text()) if file.exists() else ast.parse("")
    names = {getattr(node, "name", None) for node in ast.walk(tree)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return name in names


def test_the_constraints_pin_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = {
        plain(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    extras = [word for extra in project["optional-dependencies"].values() for word in extra]
    assert {plain(word) for word in [*project["dependencies"], *extras]} - pins == set()


def plain(requirement: str) -> str:
    name = requirement
    for end in "[<>=~!; ":
        name = name.partition(end)[0]
    return name.lower().replace("_", "-").replace(".", "-")
