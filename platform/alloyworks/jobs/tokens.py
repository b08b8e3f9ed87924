"""The token of an attempt: derived, so that a launch that was cut off can be repeated.

Nobody stores it; the row keeps its hash. It is good while its attempt is the job's latest.
"""

import base64
import hashlib
import hmac
from uuid import UUID

from alloyworks.config import config


def token_of(job_id: UUID, number: int) -> str:
    key = config.secret_key.get_secret_value().encode()
    words = f"alloyworks attempt {job_id} {number}".encode()
    digest = hmac.digest(key, words, hashlib.sha256)
    return "run_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
