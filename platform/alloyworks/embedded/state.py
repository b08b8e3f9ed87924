"""The state folder: where each thing of an embedded stack lies, its secrets and its ports."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alloyworks.embedded import ports
from alloyworks.embedded.ports import HOST
from alloyworks.errors import Conflict

ROOT = Path(__file__).resolve().parents[3]
DATABASE, BUCKET, OWNER, APP = "alloyworks", "alloyworks", "alloy_owner", "alloy_app"
PROBED = " probed"  # of a web process, the name of the port that is its own
WEB_PROCESSES, MOST_WEB_PROCESSES = "2", 64


@dataclass(frozen=True)
class State:
    """Paths below one folder; the files in it survive restarts."""

    dir: Path

    @property
    def postgres(self) -> Path:
        return self.dir / "postgres"

    @property
    def objects(self) -> Path:
        return self.dir / "s3"

    @property
    def mails(self) -> Path:
        return self.dir / "mails"

    @property
    def logs(self) -> Path:
        return self.dir / "logs"

    @property
    def run(self) -> Path:
        """Files of the running stack; nothing of worth."""
        return self.dir / "run"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Makes the folders. Only the outermost may be crossed by PostgreSQL's user."""
        self.dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        ours = (self.objects, self.objects / BUCKET, self.mails, self.logs, self.run)
        for folder in (*ours, self.dir / "static"):
            folder.mkdir(mode=0o700, exist_ok=True)

    def secrets(self) -> dict[str, str]:
        """Passwords and keys, generated once."""
        names = ("secret_key", "owner", "app", "valkey", "s3_access", "s3_secret")
        path = self.dir / "secrets.json"
        known: dict[str, str] = read_json(path)
        if missing := {name: secrets.token_hex(24) for name in names if name not in known}:
            known |= missing
            write_json(path, known)
        return known

    def ports(self) -> dict[str, int]:
        known: dict[str, int] = read_json(self.dir / "ports.json")
        return known

    def choose_ports(
        self, web: int | None, given: Mapping[str, str] = os.environ
    ) -> dict[str, int]:
        """Last time's ports where they are still free; `web` is taken as given."""
        known = self.ports()
        inner = ["postgres", "valkey", "s3", *(name + PROBED for name in web_names(given))]
        chosen = {name: ports.claim_inner(known.get(name)) for name in inner}
        chosen["web"] = web or ports.claim_web(known.get("web"))
        write_json(self.dir / "ports.json", chosen)
        return chosen


def web_names(environment: Mapping[str, str]) -> list[str]:
    """Of the web processes, as services. Raises Conflict for a number that is none."""
    count = environment.get("ALLOY_WEB_PROCESSES", WEB_PROCESSES)
    if not count.isdecimal() or not 1 <= int(count) <= MOST_WEB_PROCESSES:
        raise Conflict(f"ALLOY_WEB_PROCESSES is {count!r}; use 1 to {MOST_WEB_PROCESSES}.")
    return ["web", *(f"web-{number}" for number in range(2, int(count) + 1))]


def state_dir(given: Path | None = None) -> Path:
    """The folder asked for, or ALLOY_STATE_DIR, or `.alloy` in the checkout."""
    return (given or Path(os.environ.get("ALLOY_STATE_DIR") or ROOT / ".alloy")).resolve()


def environment(state: State, given: Mapping[str, str]) -> dict[str, str]:
    """Every ALLOY_… variable of this stack; what the operator set himself wins."""
    keys, ports = state.secrets(), state.ports()
    address = f"{HOST}:{ports['postgres']}/{DATABASE}"
    web = f"http://{HOST}:{ports['web']}"
    ours = {
        "ALLOY_SECRET_KEY": keys["secret_key"],
        "ALLOY_PUBLIC_URL": web,
        "ALLOY_RUNNER_URL": web,
        "ALLOY_EMAIL_DIR": str(state.mails),
        "ALLOY_METRICS_DIR": str(state.run / "metrics"),
        "ALLOY_BROKER_URL": f"redis://:{keys['valkey']}@{HOST}:{ports['valkey']}/0",
    }
    if "ALLOY_DATABASE_URL" not in given:
        ours["ALLOY_DATABASE_URL"] = f"postgresql://{APP}:{keys['app']}@{address}"
        ours["ALLOY_DATABASE_OWNER_URL"] = f"postgresql://{OWNER}:{keys['owner']}@{address}"
    if "ALLOY_S3_ENDPOINT_URL" not in given:
        ours["ALLOY_S3_ENDPOINT_URL"] = f"http://{HOST}:{ports['s3']}"
        ours["ALLOY_S3_ACCESS_KEY"] = keys["s3_access"]
        ours["ALLOY_S3_SECRET_KEY"] = keys["s3_secret"]
        ours["ALLOY_S3_BUCKET"] = BUCKET
    own_words = {name: value for name, value in given.items() if name.startswith("ALLOY_")}
    fixed = {
        "ALLOY_STATE_DIR": str(state.dir),
        "DJANGO_SETTINGS_MODULE": "alloyworks.settings",
    }
    return ours | own_words | fixed


def read_json(path: Path) -> Any:
    """What the file holds, or an empty dict when there is none."""
    return json.loads(path.read_text()) if path.exists() else {}


def write_json(path: Path, value: object) -> None:
    """Replaces the file at once, readable by us alone."""
    draft = path.with_suffix(f".{os.getpid()}.part")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(value, file, indent=1)
    draft.replace(path)


def package_folder(name: str) -> Path:
    """Where an installed package lies. Importing those that bring binaries has side effects."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"The package {name} is not installed; ./alloy installs it.")
    return Path(spec.origin).parent
