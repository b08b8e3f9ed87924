"""The page about the doctor can't fall behind the code."""

import re
from pathlib import Path
from typing import get_args

from alloyengine.spec.doctor.report import LicenceKind

ROOT = Path(__file__).parents[2]
CALL = re.compile(r'(?:error|warning|note|head)\)?\(\s*"([a-z_0-9]+)"')
OF_LICENCES = {
    f"licence_{kind.replace(' ', '_').replace('-', '_')}" for kind in get_args(LicenceKind)
}


def test_every_code_is_explained_and_no_other() -> None:
    sources = (ROOT / "workers/alloyengine/spec/doctor").glob("*.py")
    used = {code for path in sources for code in CALL.findall(path.read_text())}

    page = (ROOT / "docs/merging/doctor.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {code for row in rows for code in re.findall(r"`(\w+)`", row)}

    assert told == used | (OF_LICENCES - {"licence_permissive"})
