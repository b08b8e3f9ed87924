"""One tenant of the campaign: the demo's user, but one who never gives up."""

import time
import uuid
from typing import Any

import httpx

from alloyworks.cli.demo.client import ApiError, Client, Json

PATIENCE = 420.0  # seconds: longer than the longest outage
PAUSE = 0.3


class Tenant(Client):
    """Every request is repeated until it is answered; a repeated POST makes nothing twice."""

    organisation: str
    dataset: str

    def settle(self, number: int, rows: list[Json]) -> None:
        """Signs up and uploads the dataset that all jobs of this tenant use."""
        self.sign_up(f"Tenant {number}", f"faults-{number}@example.com", uuid.uuid4().hex)
        self.organisation = str(self._call("GET", "/organisation")["id"])
        self.dataset = self.upload("symbols", rows)

    def attempts(self, job_id: str) -> list[Json]:
        """In their order."""
        found: list[Json] = self._call("GET", f"/jobs/{job_id}/attempts")["items"]
        return sorted(found, key=lambda attempt: attempt["number"])

    def cancel(self, job_id: str) -> None:
        """Of a job that may have ended meanwhile."""
        try:
            self._call("POST", f"/jobs/{job_id}/cancel")
        except ApiError as error:
            if "only an unfinished job" not in str(error):
                raise

    def _patiently(self, method: str, path: str, arguments: Json) -> httpx.Response:
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._once(method, path, arguments | {"headers": headers})
            if answer is not None:
                return answer
            if time.monotonic() > deadline:
                raise ApiError(f"{method} {path} was not answered for {PATIENCE:.0f} s")
            _rewind(arguments)
            time.sleep(PAUSE)

    def _once(self, method: str, path: str, arguments: Json) -> httpx.Response | None:
        """None where it should be asked again: nobody there, the same request under way, or no room."""
        try:
            response = self.http.request(method, path, **arguments)
        except httpx.TransportError:
            return None
        later = response.status_code == 409 and "is being done" in response.text
        later |= response.status_code == 429 and "Storage is full" in response.text
        return None if response.status_code >= 500 or later else response


def _rewind(arguments: dict[str, Any]) -> None:
    """A file that was sent in part is sent from its beginning."""
    for _, content, _ in arguments.get("files", {}).values():
        content.seek(0)
