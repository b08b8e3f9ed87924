"""Servers asked over HTTP: one answer whole, or piece by piece."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from alloyworks.serving.protocol import Json, Refused
from alloyworks.serving.using import Usage

_TIMES = httpx.Timeout(30.0, connect=5.0, read=600.0)  # an answer may take minutes to begin
_PATH = "/v1/chat/completions"
_DATA = "data: "


def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=_TIMES, limits=httpx.Limits(max_connections=None))


async def whole(http: httpx.AsyncClient, address: str, body: Json) -> Json:
    """Raises Refused."""
    try:
        answer = await http.post(f"{address}{_PATH}", json=body)
    except httpx.HTTPError as error:
        raise _away(error) from None
    return _checked(answer.status_code, answer.content)


async def pieces(http: httpx.AsyncClient, address: str, body: Json) -> AsyncIterator[Json]:
    """The chunks of a stream. Raises Refused, also in its middle."""
    try:
        async with http.stream("POST", f"{address}{_PATH}", json=body) as answer:
            if answer.status_code != httpx.codes.OK:
                _checked(answer.status_code, await answer.aread())
            async for line in answer.aiter_lines():
                if not line.startswith(_DATA) or line == f"{_DATA}[DONE]":
                    continue
                chunk = _json(line.removeprefix(_DATA).encode())
                if "error" in chunk:
                    raise Refused(502, f"The model stopped: {_said(chunk)}", "model_error")
                yield chunk
    except httpx.HTTPError as error:
        raise _away(error) from None


def usage_of(answer: Json) -> Usage:
    told = answer.get("usage") or {}
    return Usage(int(told.get("prompt_tokens") or 0), int(told.get("completion_tokens") or 0))


def text_of(answer: Json) -> str:
    try:
        return str(answer["choices"][0]["message"].get("content") or "")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Refused(
            502, "The model's server answered nothing that can be read.", "model_error"
        ) from None


def _checked(status: int, content: bytes) -> Json:
    answer = _json(content)
    if status == httpx.codes.OK:
        return answer
    if 400 <= status < 500:
        raise Refused(400, f"The model refuses this: {_said(answer)}", "model_refused")
    raise Refused(502, f"The model's server failed: {_said(answer)}", "model_error")


def _json(content: bytes) -> Json:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"error": content[:300].decode(errors="replace")}


def _said(answer: Json) -> str:
    told: Any = answer.get("error") or answer.get("detail") or answer.get("message") or ""
    return str(told.get("message", told) if isinstance(told, dict) else told)[:500]


def _away(error: httpx.HTTPError) -> Refused:
    if isinstance(error, httpx.ReadTimeout):
        return Refused(504, "The model did not answer in time.", "timeout")
    return Refused(503, "The model's server can't be reached; try again.", "away", retry_after=5)
