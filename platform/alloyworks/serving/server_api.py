"""What servers of endpoints ask of the platform. The token names one launch.

409 means that it is over: the server ends.
"""

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.security import HttpBearer

from alloyengine.spec.protocol import ServedModel
from alloyworks.accounts.keys import hashed
from alloyworks.api import problems
from alloyworks.catalog import versions
from alloyworks.errors import Conflict
from alloyworks.jobs.assignment import remote_files
from alloyworks.serving.models import Endpoint, EndpointState
from alloyworks.tenancy import scope


class ServerToken(HttpBearer):
    """`Authorization: Bearer srv_…`; `request.auth` is the endpoint."""

    def authenticate(self, request: HttpRequest, token: str) -> Endpoint | None:
        digest = hashed(token)
        with scope(secret=digest):
            return Endpoint.objects.filter(secret_hash=digest).first()


server_api = NinjaAPI(
    urls_namespace="serving-v1", auth=ServerToken(), docs_url=None, openapi_url=None
)
problems.install(server_api)


@server_api.get("/model", response=ServedModel)
def model(request: HttpRequest) -> ServedModel:
    endpoint: Endpoint = request.auth  # type: ignore[attr-defined]
    with scope(endpoint.organisation_id):
        found = Endpoint.objects.select_related("model_version").filter(id=endpoint.id).first()
        version = found.model_version if found else None
        if found is None or version is None or found.state != EndpointState.WAKING:
            raise Conflict("The endpoint is not waking up.")
        files = remote_files(versions.prefix_of(version), version.files)
        return ServedModel(name=found.name, files=files)
