"""Every error of the API in one shape: application/problem+json."""

from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import BaseModel

from alloyworks.accounts.principal import SIGN_IN
from alloyworks.errors import (
    BadRequest,
    FieldError,
    Invalid,
    NotFound,
    Problem,
    TooLarge,
    Unauthenticated,
)

MEDIA_TYPE = "application/problem+json"
TOO_BIG = TooLarge("The request's body is larger than 2 MiB; send large data as an upload.")


class FieldErrorOut(BaseModel):
    """One fault: where, what, and what to do about it."""

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


PROBLEMS = dict.fromkeys((400, 401, 403, 404, 409, 413, 422, 429), ProblemOut)
"""For `response=`: every operation may answer with a problem."""


def render(problem: Problem) -> HttpResponse:
    answer = JsonResponse(problem.body(), status=problem.status, content_type=MEDIA_TYPE)
    for name, value in problem.headers().items():
        answer[name] = value
    return answer


def unknown(request: HttpRequest) -> NoReturn:
    """The view of every path below /api/ that is nothing else's."""
    raise NotFound(f"No such path: {request.path}. The paths are listed at /api/v1/docs.")


class ProblemShape:
    """Gives what Django itself says below /api/ (404, 405, 500, …) the shape of a problem."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        ours = response.headers.get("Content-Type") == MEDIA_TYPE
        if response.status_code < 400 or ours or not request.path.startswith("/api/"):
            return response
        answer = _of_status(request, response.status_code)
        if "Allow" in response.headers:
            answer["Allow"] = response.headers["Allow"]
        return answer

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return render(exception) if isinstance(exception, Problem) and _is_api(request) else None


def install(api: NinjaAPI) -> None:
    """Registers the handlers that turn exceptions into problems."""

    @api.exception_handler(Problem)
    def on_problem(request: HttpRequest, exc: Problem) -> HttpResponse:
        return render(exc)

    @api.exception_handler(AuthenticationError)
    def on_nobody(request: HttpRequest, exc: AuthenticationError) -> HttpResponse:
        return render(getattr(request, "refusal", None) or Unauthenticated(SIGN_IN))

    @api.exception_handler(ValidationError)
    def on_validation(request: HttpRequest, exc: ValidationError) -> HttpResponse:
        return render(from_validation(exc))

    @api.exception_handler(RequestDataTooBig)
    def on_too_big(request: HttpRequest, exc: RequestDataTooBig) -> HttpResponse:
        return render(TOO_BIG)

    @api.exception_handler(HttpError)
    def on_http(request: HttpRequest, exc: HttpError) -> HttpResponse:
        return render(BadRequest(str(exc)))


def from_validation(exc: ValidationError) -> Invalid:
    """Pydantic's errors, with the place ninja prefixes (`body`, parameter name) taken off."""
    errors = [
        FieldError(list(error["loc"][2:]) or list(error["loc"][-1:]), error["msg"])
        for error in exc.errors
    ]
    return Invalid(f"{len(errors)} field(s) of the request are wrong.", errors)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _of_status(request: HttpRequest, status: int) -> HttpResponse:
    title = HTTPStatus(status).phrase
    details = {
        404: f"No such path: {request.path}. The paths are listed at /api/v1/docs.",
        405: f"{request.method} is not possible at {request.path}; see /api/v1/docs.",
        500: "Something went wrong on our side; it has been logged.",
    }
    body = {
        "type": f"/problems/{title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": details.get(status, f"The request was refused: {title.lower()}."),
        "errors": [],
    }
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
