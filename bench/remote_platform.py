"""A stand-in for the platform before a real S3 server: it assigns one merge, and signs URLs."""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from alloyworks.embedded import processes, services
from alloyworks.embedded.ports import HOST
from alloyworks.embedded.state import BUCKET, State

PART = 16 << 20
HOURS = 3600 * 6
_READ = re.compile(r"Read ([\d,]+) bytes of weights")


class Platform:
    """Speaks `alloyengine.spec.protocol` for one job; the files lie in S3."""

    def __init__(self, s3: Any, models: dict[str, Path], recipe: dict[str, Any]) -> None:
        self.s3, self.models, self.url = s3, models, ""
        self.spec = {"kind": "merge", "recipe": recipe}
        self.used = [name for name in models if f'"{name}"' in json.dumps(recipe)]
        self.finish: dict[str, Any] = {}
        self.fetched = self.sent = 0

    def begin(self) -> None:
        """Forgets what an earlier attempt has made."""
        self.finish = {}
        self.fetched = sum(file["size"] for name in self.used for file in self._files(name))
        for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix="out/").get("Contents", []):
            self.s3.delete_object(Bucket=BUCKET, Key=item["Key"])

    def environment(self, folder: Path) -> dict[str, str]:
        (folder / "token").write_text("token")
        return {
            "ALLOY_RUNNER_URL": self.url,
            "ALLOY_RUNNER_TOKEN_FILE": str(folder / "token"),
            "ALLOY_RUNNER_SCRATCH": str(folder / "scratch"),
        }

    def check(self) -> None:
        """Ends the bench if the job failed, or storage has not what the manifest says."""
        if not self.finish.get("result"):
            raise SystemExit(f"The merge failed: {self.finish.get('failure')}")
        for file in self.finish["files"]:
            found = self.s3.head_object(Bucket=BUCKET, Key=f"out/{file['path']}")
            if found["ContentLength"] != file["size"]:
                raise SystemExit(f"{file['path']} has another size in storage")
        self.sent = sum(file["size"] for file in self.finish["files"])

    def assignment(self) -> Any:
        inputs = [
            {"reference": name, "kind": "model", "name": name, "files": self._files(name)}
            for name in self.used
        ]
        return {"job": str(uuid4()), "attempt": 1, "spec": self.spec, "inputs": inputs}

    def events(self, batch: Any) -> Any:
        for event in batch["events"]:
            if found := _READ.search(event["body"].get("message", "")):
                self.fetched = int(found[1].replace(",", ""))
        return {"stop": False}

    def uploads(self, wanted: Any) -> Any:
        key, count = f"out/{wanted['path']}", -(-wanted["size"] // PART)
        if count <= 1:
            return {"urls": [self._sign("put_object", Key=key)]}
        upload = self.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        urls = [
            self._sign("upload_part", Key=key, UploadId=upload, PartNumber=number + 1)
            for number in range(count)
        ]
        return {"urls": urls, "part_size": PART, "upload_id": upload}

    def uploads_complete(self, parts: Any) -> Any:
        listed = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(parts["etags"], 1)]
        self.s3.complete_multipart_upload(
            Bucket=BUCKET,
            Key=f"out/{parts['path']}",
            UploadId=parts["upload_id"],
            MultipartUpload={"Parts": listed},
        )
        return {"stop": False}

    def finished(self, told: Any) -> Any:
        self.finish = told
        return {"stop": True}

    def _files(self, name: str) -> list[dict[str, Any]]:
        return [
            {
                "path": path.name,
                "size": path.stat().st_size,
                "sha256": _sha256(path),
                "url": self._sign("get_object", Key=f"in/{name}/{path.name}"),
            }
            for path in sorted(self.models[name].iterdir())
        ]

    def _sign(self, verb: str, **words: Any) -> str:
        url: str = self.s3.generate_presigned_url(
            verb, Params={"Bucket": BUCKET, **words}, ExpiresIn=HOURS
        )
        return url


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def platform(folder: Path, models: dict[str, Path], recipe: dict[str, Any]) -> Iterator[Platform]:
    """Runs both servers; the models are linked into the store, not copied."""
    state = State(folder)
    state.prepare()
    state.choose_ports(web=None)
    for name, model in models.items():
        shelf = state.objects / BUCKET / "in" / name
        shelf.mkdir(parents=True)
        for path in model.iterdir():
            os.link(path, shelf / path.name)
    service = services.object_store(state)
    log = state.log(service.name)
    server = processes.spawn(service.command, {**os.environ, **service.extra}, log)
    try:
        _await(service)
        with _serving(Platform(_client(state), models, recipe)) as found:
            yield found
    finally:
        server.terminate()
        server.wait()


def _await(service: services.Service) -> None:
    for _ in range(100):
        try:
            return service.check()
        except Exception:  # noqa: BLE001  # whatever a server says that is only starting
            time.sleep(0.1)
    return service.check()


def _client(state: State) -> Any:
    keys, port = state.secrets(), state.ports()["s3"]
    return boto3.client(
        "s3",
        endpoint_url=f"http://{HOST}:{port}",
        region_name="us-east-1",
        aws_access_key_id=keys["s3_access"],
        aws_secret_access_key=keys["s3_secret"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


@contextmanager
def _serving(found: Platform) -> Iterator[Platform]:
    server = ThreadingHTTPServer((HOST, 0), partial(_Handler, found))
    found.url = f"http://{HOST}:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, found: Platform, *words: Any) -> None:
        self.platform = found
        super().__init__(*words)

    def do_GET(self) -> None:
        self._send(self.platform.assignment())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        step = self.path.removeprefix("/runner/v1/").replace("/", "_")
        answer = {"finish": self.platform.finished}.get(step) or getattr(self.platform, step)
        self._send(answer(body))

    def _send(self, answer: Any) -> None:
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None: ...
