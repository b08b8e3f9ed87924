"""A whole stack as operators see it: doctor, logs, metrics, backup and restore, graceful stops."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from alloyworks.embedded import stack
from alloyworks.embedded.stack import Running
from alloyworks.embedded.state import State
from tests.platform.listener import Listener, listening
from tests.stacks import import_base, stack_of

DATA = b'{"prompt": "2+2", "completion": "4"}\n' * 30


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[Running]:
    """Its operator has opened one port of this machine to webhooks."""
    folder = tmp_path_factory.mktemp("operations")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ALLOY_")]:
            patch.delenv(name)
        patch.setenv("ALLOY_WEBHOOK_ALLOW_HTTP", "true")
        patch.setenv("ALLOY_WEBHOOK_NETWORKS", "127.0.0.0/8")
        patch.setenv("ALLOY_WEBHOOK_PORTS", str(listener.port))
        patch.setenv("ALLOY_WEB_PROCESSES", "1")  # the one that is told to stop
        try:
            running = stack.start(folder / "state")
            import_base(running, folder)
            yield running
        finally:
            stack.stop(folder / "state")


@pytest.fixture(scope="module")
def acme(up: Running) -> httpx.Client:
    """Its owner's API, with a dataset and a job that has been cancelled."""
    body = {"organisation": "Acme", "email": "a@acme.example", "password": "a long one 123"}
    made = httpx.post(f"{up.url}/api/v1/signup", json=body).raise_for_status().json()
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    client = httpx.Client(base_url=f"{up.url}/api/v1", headers=headers, timeout=30)
    files = {"file": ("sums.jsonl", DATA)}
    client.post("/datasets", files=files, data={"name": "sums"}).raise_for_status()
    return client


def alloy(running: Running, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.argv[0] = 'alloy'; from alloyengine.cli.main import main; main()"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ALLOY_")}
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words],
        env={**clean, **running.env, **changes},
        capture_output=True,
        text=True,
        check=False,
    )


def until(condition: Any, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)
    return found


def findings(running: Running, tmp_path: Path, **changes: str) -> dict[str, Any]:
    """The doctor's, by check; the exit code tells of problems."""
    report = tmp_path / "report.json"
    done = alloy(running, "doctor", "--json", str(report), **changes)
    told = json.loads(report.read_text())
    assert done.returncode == (1 if told["problems"] else 0), done.stderr
    assert all(one["remedy"] for one in told["findings"] if one["level"] != "ok")
    return {one["check"]: one for one in told["findings"] if one["level"] != "ok"} | {
        "all": told["findings"]
    }


def test_a_healthy_stack_has_no_problem(up: Running, tmp_path: Path) -> None:
    until(lambda: b"alloy_reconciler_age_seconds" in scrape(up))  # beat has ticked
    told = findings(up, tmp_path)

    problems = [one for one in told["all"] if one["level"] == "problem"]
    assert problems == []
    assert {one["check"] for one in told["all"]} >= {
        "settings", "public URL", "allowed hosts", "secret key", "web", "database", "app role",
        "tenant tables", "migrations", "clock", "broker", "worker", "beat", "storage", "mail",
        "disk",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("settings", {"ALLOY_LOCAL_SLOTS": "none"}),
        ("public URL", {"ALLOY_PUBLIC_URL": "http://alloy.example"}),
        ("allowed hosts", {"ALLOY_ALLOWED_HOSTS": "other.example"}),
        ("web", {"ALLOY_SECRET_KEY": "another key of 32 characters, or more"}),
        ("database", {"ALLOY_DATABASE_URL": "postgresql://a:b@127.0.0.1:9/x"}),
        ("broker", {"ALLOY_BROKER_URL": "redis://127.0.0.1:9/0"}),
        ("storage", {"ALLOY_S3_SECRET_KEY": "wrong"}),
    ],
)
def test_what_is_wrong_is_named(
    up: Running, tmp_path: Path, check: str, changes: dict[str, str]
) -> None:
    assert check in findings(up, tmp_path, **changes)


def test_an_owner_as_app_role_and_an_open_table_are_found(up: Running, tmp_path: Path) -> None:
    owner = up.env["ALLOY_DATABASE_OWNER_URL"]
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("ALTER TABLE jobs_metric NO FORCE ROW LEVEL SECURITY")
        try:
            told = findings(up, tmp_path, ALLOY_DATABASE_URL=owner)
        finally:
            connection.execute("ALTER TABLE jobs_metric FORCE ROW LEVEL SECURITY")
    assert "jobs_metric" in told["tenant tables"]["words"]
    assert told["app role"]["level"] == "problem"


def scrape(running: Running) -> bytes:
    with urllib.request.urlopen(f"{running.url}/metrics") as answer:
        found: bytes = answer.read()
    return found


def test_metrics_add_up_the_processes(up: Running, acme: httpx.Client) -> None:
    until(lambda: b"alloy_reconciler_age_seconds" in scrape(up))
    text = scrape(up).decode()

    assert 'route="/api/v1/datasets"' in text and "alloy_database_up 1.0" in text


def test_logs_are_json_and_a_request_is_found_by_its_id(up: Running, acme: httpx.Client) -> None:
    acme.get("/jobs", headers={"X-Request-ID": "operations-test-1"}).raise_for_status()
    log = State(up.state_dir).log("web")

    def told() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{"]
        return [line for line in lines if line.get("request_id") == "operations-test-1"]

    [line] = until(told)
    assert (line["route"], line["status"]) == ("/api/v1/jobs", 200)
    assert line["organisation_id"]
    key = acme.headers["Authorization"].split()[1]
    for name in ("web", "worker", "beat"):
        text = State(up.state_dir).log(name).read_text()
        assert key not in text and up.env["ALLOY_S3_SECRET_KEY"] not in text
        assert not re.search(r"X-Amz-Signature=[0-9a-f]|run_[\w-]{40}|whsec_", text)


def test_a_backup_is_restored_into_an_empty_stack_and_nothing_is_lost(
    up: Running, acme: httpx.Client, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    taken = alloy(up, "backup", str(folder))
    assert taken.returncode == 0, taken.stderr
    again = alloy(up, "backup", str(folder))
    assert again.returncode != 0 and "not empty" in again.stdout + again.stderr
    filled = alloy(up, "restore", str(folder))
    assert filled.returncode != 0 and "not empty" in filled.stdout + filled.stderr

    with stack_of(tmp_path / "new") as new:
        restored = alloy(new, "restore", str(folder))
        assert restored.returncode == 0, restored.stdout + restored.stderr
        same(up, new, acme)
        report = findings(new, tmp_path)
        problems = [one for one in report["all"] if one["level"] == "problem"]
        assert problems == []


def same(old: Running, new: Running, acme: httpx.Client) -> None:
    """The same key opens the same datasets, whose files have the same bytes."""
    there = httpx.Client(base_url=f"{new.url}/api/v1", headers=acme.headers, timeout=30)
    for path in ("/datasets", "/models", "/organisation/members"):
        assert there.get(path).json() == acme.get(path).json()
    dataset = there.get("/datasets").json()["items"][0]["id"]
    files = [client.get(f"/datasets/{dataset}/files").json() for client in (acme, there)]
    contents = [[httpx.get(file["url"]).content for file in found] for found in files]
    assert contents[0] == contents[1] and len(contents[0]) > 1
    with psycopg.connect(new.env["ALLOY_DATABASE_URL"]) as app:
        assert app.execute("SELECT count(*) FROM catalog_dataset").fetchone() == (0,)
    owned = "SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = proowner WHERE prosecdef"
    with psycopg.connect(new.env["ALLOY_DATABASE_OWNER_URL"]) as owner:
        assert owner.execute(f"{owned} AND rolname <> 'alloy_queue'").fetchone() == (0,)


def test_a_damaged_backup_touches_nothing(up: Running, acme: Any, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    assert alloy(up, "backup", str(folder)).returncode == 0
    file = next(path for path in (folder / "objects").rglob("*") if path.is_file())
    file.write_bytes(file.read_bytes()[:-1] + b"?")

    done = alloy(up, "restore", str(folder))
    assert done.returncode != 0 and "not what the manifest says" in done.stdout + done.stderr


def test_a_role_that_policies_hold_for_takes_no_backup(up: Running, tmp_path: Path) -> None:
    app = up.env["ALLOY_DATABASE_URL"]
    done = alloy(up, "backup", str(tmp_path / "b"), ALLOY_DATABASE_BACKUP_URL=app)

    assert done.returncode != 0 and "BYPASSRLS" in done.stdout + done.stderr


def test_the_role_for_backups_of_the_guide_sees_everything(
    up: Running, acme: httpx.Client, tmp_path: Path
) -> None:
    owner = up.env["ALLOY_DATABASE_OWNER_URL"]
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE ROLE alloy_backup LOGIN PASSWORD 'pw' BYPASSRLS")
        connection.execute("GRANT pg_read_all_data TO alloy_backup")
    role = f"postgresql://alloy_backup:pw@{owner.rpartition('@')[2]}"
    done = alloy(up, "backup", str(tmp_path / "b"), ALLOY_DATABASE_BACKUP_URL=role)

    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    tables = next(iter(manifest["rows"].values()))
    assert tables["catalog_dataset"] == 1 and tables["accounts_membership"] == 1
    assert {"alloy_jobs_to_look_at()", "alloy_figures()"} <= set(manifest["functions"])


def test_the_end_of_a_job_reaches_a_webhook_and_a_mailbox(
    up: Running, acme: httpx.Client, listener: Listener
) -> None:
    make_webhook(acme, listener)
    job = evaluate(acme)
    acme.post(f"/jobs/{job}/cancel").raise_for_status()
    until(lambda: job in str(listener.requests))

    told = json.loads(next(body for body in bodies(listener) if job.encode() in body))
    assert told["type"] == f"job.{told['data']['state']}" and told["data"]["id"] == job
    mails = State(up.state_dir).mails
    until(lambda: any(job in mail.read_text() for mail in mails.iterdir()))


def test_a_worker_that_is_killed_while_it_sends_sends_again(
    up: Running, acme: httpx.Client, listener: Listener
) -> None:
    webhook = make_webhook(acme, listener)
    listener.hold.clear()
    acme.post(f"/webhooks/{webhook}/test").raise_for_status()
    until(lambda: webhook in str(listener.requests))
    worker = stack.facts(State(up.state_dir))["children"]["worker"]["mark"]["pid"]
    os.killpg(worker, signal.SIGKILL)
    listener.hold.set()

    def tries() -> list[int]:
        sent = [number for number, body in enumerate(bodies(listener)) if webhook.encode() in body]
        return sent if len(sent) == 2 else []

    first, second = until(tries, 90)
    same = [listener.headers(number)["webhook-id"] for number in (first, second)]
    assert same[0] == same[1]
    url = f"/webhooks/{webhook}/deliveries"
    until(lambda: acme.get(url).json()["items"][0]["state"] == "delivered")


def test_a_worker_that_is_told_to_stop_finishes_what_it_sends(
    up: Running, acme: httpx.Client, listener: Listener
) -> None:
    webhook = make_webhook(acme, listener)
    listener.hold.clear()
    acme.post(f"/webhooks/{webhook}/test").raise_for_status()
    until(lambda: webhook in str(listener.requests))
    worker = stack.facts(State(up.state_dir))["children"]["worker"]["mark"]["pid"]
    os.kill(worker, signal.SIGTERM)
    time.sleep(1)
    listener.hold.set()

    url = f"/webhooks/{webhook}/deliveries"
    until(lambda: acme.get(url).json()["items"][0]["state"] == "delivered", 15)
    until(lambda: not psutil.pid_exists(worker))
    assert sum(webhook.encode() in body for body in bodies(listener)) == 1


def make_webhook(acme: httpx.Client, listener: Listener) -> str:
    body = {"url": f"http://127.0.0.1:{listener.port}/hook"}
    made: str = acme.post("/webhooks", json=body).raise_for_status().json()["id"]
    return made


def bodies(listener: Listener) -> list[bytes]:
    return [listener.body(number) for number in range(len(listener.requests))]


def evaluate(acme: httpx.Client) -> str:
    """The id of a new job."""
    model = acme.get("/models").json()["items"][0]["id"]
    dataset = acme.get("/datasets").json()["items"][0]["id"]
    spec = {"kind": "evaluate", "models": [model], "test_sets": [{"dataset": dataset}]}
    made: str = acme.post("/jobs", json=spec).raise_for_status().json()["id"]
    return made


def web_process(running: Running) -> int:
    facts: dict[str, Any] = stack.facts(State(running.state_dir))
    pid: int = facts["children"]["web"]["mark"]["pid"]
    return pid


def test_a_web_process_that_is_told_to_stop_answers_what_it_has_begun(
    up: Running, acme: httpx.Client
) -> None:
    """The request is half sent when the signal comes, and its rest a moment later."""
    pid = web_process(up)
    host, port = up.url.removeprefix("http://").split(":")
    body = b'{"name": "late", "role": "viewer"}'
    head = (
        f"POST /api/v1/organisation/keys HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: {acme.headers['Authorization']}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head + body[:10])
        time.sleep(0.5)
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(body[10:])
        answer = connection.recv(65536)
    assert b" 201 " in answer.split(b"\r\n")[0]
    until(lambda: web_process_or_none(up) not in (None, pid))
    until(lambda: httpx_ok(up))


def web_process_or_none(running: Running) -> int | None:
    mark = stack.facts(State(running.state_dir))["children"]["web"]["mark"]
    return mark["pid"] if mark else None


def httpx_ok(running: Running) -> bool:
    try:
        return httpx.get(f"{running.url}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def test_an_open_stream_does_not_hold_up_the_end(up: Running, acme: httpx.Client) -> None:
    job = evaluate(acme)
    pid, began, opened = web_process(up), time.monotonic(), threading.Event()

    def follow() -> None:
        try:
            with acme.stream("GET", f"/jobs/{job}/stream") as answer:
                for _ in answer.iter_text():
                    opened.set()
        except httpx.HTTPError:
            opened.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert opened.wait(20)
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    until(lambda: web_process_or_none(up) != pid)
    assert time.monotonic() - began < 10
    thread.join(timeout=10)
    assert not thread.is_alive()
    until(lambda: httpx_ok(up))
