"""Tells deployments apart without telling their secrets."""

import hashlib

HEADER = "Alloy-Deployment"


def name(secret_key: str) -> str:
    """The same for all processes of a deployment, and for no other deployment's."""
    return hashlib.sha256(b"deployment " + secret_key.encode()).hexdigest()[:16]
