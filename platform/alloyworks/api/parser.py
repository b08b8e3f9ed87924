"""Reads JSON bodies, and refuses what later parts could not store."""

from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from alloyworks import strictjson
from alloyworks.errors import BadRequest


class StrictJson(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        try:
            return strictjson.parse(request.body.decode())
        except ValueError as error:
            raise BadRequest(f"The body is not JSON that can be used: {error}.") from None
