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

from alloyworks.cli.demo.client import Client
from alloyworks.embedded import stack
from bench.many_jobs import fill

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
    organisation = client.http.get("/organisation").json()["id"]
    fill(running.env["ALLOY_DATABASE_OWNER_URL"], organisation, JOBS)
    browser = _signed_in(running.url)
    figures = {f"page {path}": _time(browser, path) for path in PAGES}
    return figures | {f"GET /api/v1{path}": _time(client.http, path) for path in LISTS}


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
