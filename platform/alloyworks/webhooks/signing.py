"""Signatures as in the Standard Webhooks specification (standardwebhooks.com), version 1.

webhook-id         msg_…, the same at every try
webhook-timestamp  seconds since 1970 of this try
webhook-signature  v1,<base64 of HMAC-SHA256 over "id.timestamp.body">
"""

import base64
import hashlib
import hmac
from uuid import UUID

from alloyworks.config import config

_PREFIX = "whsec_"


def secret_of(endpoint_id: UUID) -> str:
    """Derived from ALLOY_SECRET_KEY, so that no copy of the database holds it."""
    key = config.secret_key.get_secret_value().encode()
    digest = hmac.digest(key, f"alloyworks webhook {endpoint_id}".encode(), hashlib.sha256)
    return _PREFIX + base64.b64encode(digest).decode()


def headers(endpoint_id: UUID, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of one try."""
    key = base64.b64decode(secret_of(endpoint_id).removeprefix(_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
