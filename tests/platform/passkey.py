"""A passkey in software: what a device answers to navigator.credentials.create and get."""

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256

Json = dict[str, Any]
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Passkey:
    """Of one account at one origin. `verifies`: it asks for a finger or a PIN."""

    def __init__(self, origin: str = "http://localhost", verifies: bool = True) -> None:
        self.origin, self.verifies = origin, verifies
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id, self.user, self.uses = os.urandom(16), b"", 0

    def create(self, options: Json) -> str:
        """As the form's field `credential`."""
        told = options["publicKey"]
        self.user = _bytes(told["user"]["id"])
        public = cbor.encode(dict(ES256.from_cryptography_key(self.key.public_key())))
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        data = self._data(told["rp"]["id"], attested)
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        client = self._client("webauthn.create", told["challenge"])
        response = {"clientDataJSON": _text(client)}
        response["attestationObject"] = _text(cbor.encode(attestation))
        return self._credential(response)

    def get(self, options: Json) -> str:
        told = options["publicKey"]
        self.uses += 1
        data = self._data(told["rpId"])
        client = self._client("webauthn.get", told["challenge"])
        signed = data + hashlib.sha256(client).digest()
        response = {
            "clientDataJSON": _text(client),
            "authenticatorData": _text(data),
            "signature": _text(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": _text(self.user),
        }
        return self._credential(response)

    def _data(self, rp: str, attested: bytes = b"") -> bytes:
        flags = PRESENT | (VERIFIED if self.verifies else 0) | (ATTESTED if attested else 0)
        host = hashlib.sha256(rp.encode()).digest()
        return host + bytes([flags]) + self.uses.to_bytes(4, "big") + attested

    def _client(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _credential(self, response: Json) -> str:
        name = _text(self.id)
        told = {"id": name, "rawId": name, "type": "public-key", "response": response}
        return json.dumps(told | {"clientExtensionResults": {"credProps": {"rk": True}}})


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
