"""As much of a cluster's API as Helm needs to install and upgrade: objects are kept as given.

Nothing is validated, nothing runs, nothing is watched: that is not what these tests ask.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

GROUPS = {
    "v1": ["ConfigMap", "Namespace", "ResourceQuota", "Secret", "Service", "ServiceAccount"],
    "apps/v1": ["Deployment", "StatefulSet"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "batch/v1": ["Job"],
    "networking.k8s.io/v1": ["Ingress", "NetworkPolicy"],
    "policy/v1": ["PodDisruptionBudget"],
    "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding"],
}
ENDS = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}
Objects = dict[str, dict[str, Any]]


class Cluster:
    """`objects` by their path; `url` is where it listens."""

    def __init__(self, url: str, objects: Objects) -> None:
        self.url, self.objects = url, objects

    def of(self, plural: str) -> Objects:
        """Objects of a kind by name."""
        found = {path: item for path, item in self.objects.items() if f"/{plural}/" in path}
        return {path.rpartition("/")[2]: item for path, item in found.items()}


@contextmanager
def running() -> Iterator[Cluster]:
    objects: Objects = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(objects))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Cluster(f"http://127.0.0.1:{server.server_port}", objects)
    finally:
        server.shutdown()
        server.server_close()


def _discovery() -> dict[str, dict[str, Any]]:
    named = [group.split("/") for group in GROUPS if "/" in group]
    groups = [
        {"name": name, "versions": [version], "preferredVersion": version}
        for name, number in named
        for version in [{"groupVersion": f"{name}/{number}", "version": number}]
    ]
    pages = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    for group, kinds in GROUPS.items():
        root = "/apis/" if "/" in group else "/api/"
        pages[root + group] = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group,
            "resources": [_resource(kind) for kind in kinds],
        }
    return pages


def _openapi() -> dict[str, dict[str, Any]]:
    """That the server checks the fields itself, which Helm asks before it sends an object."""
    pages: dict[str, dict[str, Any]] = {}
    places = {}
    for group, kinds in GROUPS.items():
        name, _, version = group.rpartition("/")
        place = f"apis/{group}" if name else f"api/{group}"
        places[place] = {"serverRelativeURL": f"/openapi/v3/{place}"}
        checked = {"parameters": [{"name": "fieldValidation", "in": "query"}]}
        pages[f"/openapi/v3/{place}"] = {
            "openapi": "3.0.0",
            "paths": {
                f"/{place}/{kind}": {
                    "patch": checked
                    | {
                        "x-kubernetes-group-version-kind": {
                            "group": name,
                            "version": version,
                            "kind": kind,
                        }
                    }
                }
                for kind in kinds
            },
        }
    return pages | {"/openapi/v3": {"paths": places}}


def _resource(kind: str) -> dict[str, Any]:
    verbs = ["create", "delete", "get", "list", "patch", "update"]
    name = ENDS.get(kind, f"{kind.lower()}s")
    return {"name": name, "kind": kind, "namespaced": kind != "Namespace", "verbs": verbs}


def _handler(objects: Objects) -> type[BaseHTTPRequestHandler]:
    discovery = _discovery() | _openapi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            found = discovery.get(path) or objects.get(path)
            if found is None and re.search(r"/(secrets|jobs|pods)$", path):
                found = {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}
            self._answer(found)

        def do_POST(self) -> None:
            body = self._body()
            path = f"{self.path.partition('?')[0]}/{body['metadata']['name']}"
            objects[path] = body
            self._answer(body, 201)

        def do_PATCH(self) -> None:
            """Server-side apply brings the whole object."""
            path = self.path.partition("?")[0]
            objects[path] = self._body()
            self._answer(objects[path])

        def do_DELETE(self) -> None:
            self._answer(objects.pop(self.path.partition("?")[0], None))

        def _body(self) -> dict[str, Any]:
            found: dict[str, Any] = yaml.safe_load(
                self.rfile.read(int(self.headers["Content-Length"]))
            )
            return found

        def _answer(self, body: dict[str, Any] | None, code: int = 200) -> None:
            if body is None:
                code, body = (
                    404,
                    {"kind": "Status", "apiVersion": "v1", "reason": "NotFound", "code": 404},
                )
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Requests are not worth a line."""

    return Handler
