"""The API's description of itself, at /api/v1/openapi.json and, for people, at /api/v1/docs."""

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from alloyworks.api.problems import MEDIA_TYPE
from alloyworks.web.reference import Reference

DOCS = Reference()
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again within 24 hours, the same request is answered again and not done "
    "again. With another request: 422; while the first is being done: 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}


class DocumentedApi(NinjaAPI):
    """Adds what ninja does not know: the media type of problems, and the Idempotency-Key."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Such as `jobs_submit`: stable names for generated clients."""
        function = operation.view_func
        return f"{function.__module__.rpartition('.')[2]}_{function.__name__}"

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        for methods in schema["paths"].values():
            for method, operation in methods.items():
                _complete(method, operation)
        return schema


def _complete(method: str, operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if int(status) >= 400 and "application/json" in content:
            content[MEDIA_TYPE] = content.pop("application/json")
    if method == "post" and "security" in operation:
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
