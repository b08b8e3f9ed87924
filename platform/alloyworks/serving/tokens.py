"""The token of one launch of an endpoint's server: derived, so that a launch can be repeated."""

import base64
import hashlib
import hmac
from uuid import UUID

from alloyworks.config import config


def token_of(endpoint_id: UUID, launch: int) -> str:
    key = config.secret_key.get_secret_value().encode()
    words = f"alloyworks endpoint {endpoint_id} {launch}".encode()
    digest = hmac.digest(key, words, hashlib.sha256)
    return "srv_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
