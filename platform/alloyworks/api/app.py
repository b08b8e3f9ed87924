"""REST API v1: the routers, put together. One file a noun; business rules live in the apps."""

from django.http import HttpRequest
from ninja import NinjaAPI

from alloyworks.api import datasets, jobs, models, organisation, problems

api = NinjaAPI(
    title="Alloyworks",
    version="1.0.0",
    urls_namespace="api-v1",
    openapi_url="/openapi.json",
    description="Train, merge, evaluate and serve small language models.",
)
api.add_router("/organisation", organisation.router)
api.add_router("/datasets", datasets.router)
api.add_router("/models", models.router)
api.add_router("/jobs", jobs.router)
problems.install(api)


def unknown(request: HttpRequest) -> None:
    """Unknown paths below /api/ get the same problem shape."""
    raise problems.no_route(request.path)
