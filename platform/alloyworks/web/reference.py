"""The REST API's documentation: every operation of its OpenAPI document, on one page."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

from alloyworks.config import config
from alloyworks.web.schemas import Field, Schemas

PROBLEM = "application/problem+json"
KEY = "Authorization: Bearer $ALLOY_KEY"


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[tuple[str, Field]]  # path, query or header
    media: str  # of the body; empty without one
    body: list[Field]
    status: str  # when all went well
    answer: list[Field]
    answer_media: str
    curl: str


@dataclass(frozen=True)
class Group:
    title: str
    operations: list[Operation]


class Reference(DocsBase):
    """Takes the place of Swagger UI, which is none of ours and not accessible."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        context = {"groups": groups_of(api), "openapi": self.get_openapi_url(api, kwargs)}
        return render(request, "reference/reference.html", context)


@cache
def groups_of(api: NinjaAPI) -> list[Group]:
    """By tag, in the order of the document."""
    groups: dict[str, list[Operation]] = {}
    for tag, operation in read(api.get_openapi_schema()):
        groups.setdefault(tag, []).append(operation)
    return [Group(title, operations) for title, operations in groups.items()]


def read(document: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    schemas = Schemas(document["components"]["schemas"])
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield said["tags"][0], _operation(path, method, said, schemas)


def _operation(path: str, method: str, said: Mapping[str, Any], schemas: Schemas) -> Operation:
    media, schema = _content(said.get("requestBody", {}))
    status = next(status for status in said["responses"] if int(status) < 400)
    answer_media, answer = _content(said["responses"][status])
    return Operation(
        id=said["operationId"],
        method=method.upper(),
        path=path,
        summary=said["summary"],
        description=said.get("description", ""),
        parameters=[_parameter(entry, schemas) for entry in said.get("parameters", ())],
        media=media,
        body=list(schemas.fields(schema)),
        status=str(status),
        answer=list(schemas.fields(answer)),
        answer_media=answer_media,
        curl=_curl(path, method, media, schemas.example(schema), "security" in said),
    )


def _content(holder: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The media type and its schema; nothing where there is no body."""
    for media, content in holder.get("content", {}).items():
        return media, content.get("schema", {})
    return "", {}


def _parameter(entry: Mapping[str, Any], schemas: Schemas) -> tuple[str, Field]:
    schema = {"description": entry.get("description", ""), **entry["schema"]}
    alone = {"properties": {entry["name"]: schema}}
    field = next(schemas.fields({**alone, "required": [entry["name"]] * entry["required"]}))
    return entry["in"], field


def _curl(path: str, method: str, media: str, example: Any, signed: bool) -> str:
    """A command that works once its blanks are filled."""
    lines = [f"curl {config.public_url}{path}"]
    if method not in ("get", "post") or (method == "post" and not media):
        lines[0] = f"curl -X {method.upper()} {config.public_url}{path}"
    if signed:
        lines.append(f'-H "{KEY}"')
    if media.startswith("multipart/"):
        lines += [
            f"-F {name}={'@data.jsonl' if name == 'file' else value}"
            for name, value in example.items()
        ]
    elif media:
        lines.append(f"-H 'Content-Type: {media}'")
        lines.append(f"-d {shlex.quote(json.dumps(example, ensure_ascii=False))}")
    return " \\\n  ".join(lines)
