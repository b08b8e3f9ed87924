"""A user of the REST API: what the demo does, anybody can do with the same few calls."""

import io
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx

Json = dict[str, Any]
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 60  # the web process may be restarting


class ApiError(Exception):
    """The API's problem, in its own words."""


class JobFailed(Exception):
    """A job ended otherwise than hoped."""


class Client:
    """Speaks REST v1 to a platform at `url`, with an API key once signed up."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=f"{url}/api/v1", timeout=120)

    def sign_up(self, organisation: str, email: str, password: str) -> None:
        """A new organisation; every later call is made with its first API key."""
        body = {"organisation": organisation, "email": email, "password": password}
        token = self._call("POST", "/signup", json=body)["api_key"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def upload(self, name: str, rows: Iterable[Mapping[str, Any]]) -> str:
        """A dataset of JSON lines; the answer is its id."""
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        file = (f"{name}.jsonl", io.BytesIO(text.encode()), "application/jsonl")
        data = {"name": name, "test_percent": "0"}
        return str(self._call("POST", "/datasets", data=data, files={"file": file})["id"])

    def base_model(self, name: str) -> str:
        """The id of a base model of this deployment."""
        models = self._call("GET", "/models", params={"origin": "base"})["items"]
        found = [model["id"] for model in models if model["name"] == name]
        if not found:
            raise ApiError(f"This deployment has no base model {name}; run `alloy models import`.")
        return str(found[0])

    def submit(self, spec: Json) -> str:
        return str(self._call("POST", "/jobs", json=spec)["id"])

    def job(self, job_id: str) -> Json:
        return self._call("GET", f"/jobs/{job_id}")

    def wait(self, job_id: str, seen: Callable[[Json], None]) -> Json:
        """Looks at the job until it ends, telling `seen` each time. Raises JobFailed."""
        while True:
            job = self.job(job_id)
            seen(job)
            if job["state"] in ("failed", "cancelled"):
                raise JobFailed(f"{job['name']}: {_why(job)}")
            if job["state"] == "succeeded":
                return job
            time.sleep(POLL_SECONDS)

    def _call(self, method: str, path: str, **arguments: Any) -> Json:
        response = self._patiently(method, path, arguments)
        if response.is_error:
            raise ApiError(_words(response))
        answer: Json = response.json()
        return answer

    def _patiently(self, method: str, path: str, arguments: Json) -> httpx.Response:
        """Reads are repeated while the web process restarts; writes are not."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                response = self.http.request(method, path, **arguments)
                if response.status_code < 500 or method != "GET" or time.monotonic() > deadline:
                    return response
            except httpx.TransportError:
                if method != "GET" or time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)


def _why(job: Json) -> str:
    failure = job.get("failure") or {}
    return f"{failure.get('message', job['state'])} {failure.get('remedy', '')}".strip()


def _words(response: httpx.Response) -> str:
    try:
        problem = response.json()
    except ValueError:
        return f"HTTP {response.status_code} from {response.url.path}"
    faults = [f"{error['loc']}: {error['msg']} {error['remedy']}" for error in problem["errors"]]
    return "\n  ".join([problem["detail"], *faults])
