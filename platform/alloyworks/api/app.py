"""REST API v1: the routers, put together. One file a noun; business rules live in the apps."""

from ninja import NinjaAPI

from alloyworks.api import (
    account,
    audit,
    datasets,
    endpoints,
    estimate,
    job_details,
    jobs,
    models,
    organisation,
    problems,
    signup,
    usage,
    webhooks,
)
from alloyworks.api.auth import ApiKey, Session
from alloyworks.api.openapi import DOCS, DocumentedApi
from alloyworks.api.parser import StrictJson

api: NinjaAPI = DocumentedApi(
    title="Alloyworks",
    version="1.0.0",
    urls_namespace="api-v1",
    openapi_url="/openapi.json",
    description="Train, merge, evaluate and serve small language models.",
    auth=[ApiKey(), Session()],
    parser=StrictJson(),
    docs=DOCS,
)
api.add_router("/signup", signup.router, tags=["Organisation"])
api.add_router("/organisation", organisation.router, tags=["Organisation"])
api.add_router("/account", account.router, tags=["Organisation"])
api.add_router("/audit", audit.router, tags=["Organisation"])
api.add_router("/datasets", datasets.router, tags=["Datasets"])
api.add_router("/models", models.router, tags=["Models"])
api.add_router("/jobs/estimate", estimate.router, tags=["Jobs"])  # before /jobs/{job_id}
api.add_router("/jobs", jobs.router, tags=["Jobs"])
api.add_router("/jobs", job_details.router, tags=["Jobs"])
api.add_router("/endpoints", endpoints.router, tags=["Endpoints"])
api.add_router("/usage", usage.router, tags=["Usage"])
api.add_router("/webhooks", webhooks.router, tags=["Webhooks"])
api.add_router("/mails", webhooks.mail_router, tags=["Webhooks"])
problems.install(api)
