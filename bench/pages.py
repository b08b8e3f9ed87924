"""Server time of the pages, and of the job list with 100,000 jobs in the table.

    ./alloy bench pages --json FILE

Brings up a stack of its own in a temporary folder. Each figure is the median of 30 requests over one
kept-alive connection on the loopback interface: what a browser on this machine would wait.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg

from alloyworks.cli.demo.client import Client
from alloyworks.embedded import stack

JOBS = 100_000
REQUESTS = 30
PASSWORD = "correct horse battery staple"
PAGES = (
    "/",
    "/datasets/",
    "/models/",
    "/jobs/",
    "/jobs/new/train/",
    "/compare/",
    "/accounts/keys/",
)
LISTS = ("/jobs", "/jobs?limit=200", "/jobs?state=succeeded", "/models", "/datasets")

FILL = """
    INSERT INTO jobs_job (id, organisation_id, created_at, name, kind, spec, state, attempt_number,
                          attempt_limit, progress, reports, files)
    SELECT gen_random_uuid(), %s, now() - n * interval '1 second', 'job ' || n, 'train', '{}',
           'succeeded', 1, 3, '{}', '{}', '[]'
    FROM generate_series(1, %s) n
"""


def run() -> dict[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        running = stack.start(Path(folder))
        try:
            return _measure(running)
        finally:
            stack.stop(Path(folder))


def _measure(running: stack.Running) -> dict[str, dict[str, Any]]:
    client = Client(running.url)
    client.sign_up("Bench", "bench@example.com", PASSWORD)
    _fill(running.env["ALLOY_DATABASE_OWNER_URL"], client.http.get("/organisation").json()["id"])
    browser = _signed_in(running.url)
    figures = {f"page {path}": _time(browser, path) for path in PAGES}
    return figures | {f"GET /api/v1{path}": _time(client.http, path) for path in LISTS}


def _fill(owner_url: str, organisation: str) -> None:
    """As the owner, in the organisation's scope: policies hold for the owner too."""
    with psycopg.connect(owner_url) as connection:
        connection.execute("SELECT set_config('alloy.organisation', %s, true)", [organisation])
        connection.execute(FILL, [organisation, JOBS])
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE jobs_job")


def _signed_in(url: str) -> httpx.Client:
    browser = httpx.Client(base_url=url, follow_redirects=True, headers={"Referer": url})
    browser.get("/accounts/login/")
    form = {
        "login": "bench@example.com",
        "password": PASSWORD,
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
    }
    browser.post("/accounts/login/", data=form).raise_for_status()
    return browser


def _time(client: httpx.Client, path: str) -> dict[str, Any]:
    seconds = [_once(client, path) for _ in range(REQUESTS)]
    ordered = sorted(seconds)
    return {
        "median ms": round(1000 * statistics.median(ordered), 1),
        "p95 ms": round(1000 * ordered[int(0.95 * REQUESTS)], 1),
    }


def _once(client: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    response = client.get(path.lstrip("/") if str(client.base_url).endswith("v1/") else path)
    response.raise_for_status()
    return time.perf_counter() - begun
