"""Every error of the API in one shape: application/problem+json."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from pydantic import BaseModel

from alloyworks.errors import BadRequest, FieldError, Invalid, NotFound, Problem


class FieldErrorOut(BaseModel):
    loc: list[str | int]
    msg: str
    remedy: str


class ProblemOut(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldErrorOut]


PROBLEMS = {code: ProblemOut for code in (400, 401, 403, 404, 409, 413, 422, 429)}
"""For `response=`: every operation may answer with a problem."""


def render(problem: Problem) -> HttpResponse:
    return JsonResponse(
        problem.body(), status=problem.status, content_type="application/problem+json"
    )


def no_route(path: str) -> NotFound:
    return NotFound(f"No such path: {path}. The paths are listed at /api/v1/docs.")


def install(api: NinjaAPI) -> None:
    """Registers the handlers that turn exceptions into problems."""

    @api.exception_handler(Problem)
    def on_problem(request: HttpRequest, exc: Problem) -> HttpResponse:
        return render(exc)

    @api.exception_handler(ValidationError)
    def on_validation(request: HttpRequest, exc: ValidationError) -> HttpResponse:
        return render(from_validation(exc))

    @api.exception_handler(HttpError)
    def on_http(request: HttpRequest, exc: HttpError) -> HttpResponse:
        return render(BadRequest(str(exc)))


def from_validation(exc: ValidationError) -> Invalid:
    """Pydantic's errors, with the place ninja prefixes (`body`, parameter name) taken off."""
    errors = [
        FieldError([part for part in error["loc"][2:]] or list(error["loc"][-1:]), error["msg"])
        for error in exc.errors
    ]
    return Invalid(f"{len(errors)} field(s) of the request are wrong.", errors)
