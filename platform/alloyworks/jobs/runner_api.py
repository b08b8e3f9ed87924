"""What runners say to the platform: to come."""

from ninja import NinjaAPI

runner_api = NinjaAPI(urls_namespace="runner-v1", docs_url=None, openapi_url=None)
