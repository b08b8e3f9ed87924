"""The documents can't fall behind the code."""

import re
from pathlib import Path

from alloyengine.cli.methods import as_markdown

ROOT = Path(__file__).parents[2]


def test_the_operator_guide_lists_every_setting_and_no_other() -> None:
    source = (ROOT / "platform/alloyworks/config.py").read_text()
    settings = {
        f"ALLOY_{name.upper()}" for name in re.findall(r"^    (\w+): ", source, re.MULTILINE)
    }

    listed = set(
        re.findall(r"^\| `(ALLOY_\w+)`", (ROOT / "docs/operator.md").read_text(), re.MULTILINE)
    )

    assert listed == settings


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_page_of_merge_methods_is_up_to_date() -> None:
    assert (ROOT / "docs/merging/methods.md").read_text() == as_markdown()


def test_what_promises_are_held_by_is_there() -> None:
    """`test_file::test` without its `test_`, and files by themselves."""
    tests = {path.stem: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    page = (ROOT / "docs/promises.md").read_text()
    named = re.findall(r"`(test_\w+)(?:::(\w+))?`", page)
    assert len(named) > 100
    for file, name in named:
        assert file in tests, f"{file} is not there"
        assert not name or f"def test_{name}(" in tests[file], f"{file} has no test_{name}"
    for kind, name in re.findall(r"(bench|campaigns?) `([\w-]+)`", page):
        if kind == "bench":
            assert (ROOT / f"bench/{name}.py").exists(), f"there is no bench {name}"
