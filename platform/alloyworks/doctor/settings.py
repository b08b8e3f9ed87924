"""Settings that Django accepts and that are wrong nevertheless."""

import ipaddress
import urllib.request
from urllib.parse import urlsplit

from django.http.request import validate_host

from alloyworks import deployment
from alloyworks.config import config, split
from alloyworks.doctor.findings import Findings, ok, problem, warning

_SECONDS = 5


def addresses() -> Findings:
    """ALLOY_PUBLIC_URL and ALLOY_ALLOWED_HOSTS belong together."""
    parts = urlsplit(config.public_url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or parts.path.strip("/"):
        yield problem(
            "public URL",
            f"ALLOY_PUBLIC_URL is {config.public_url!r}.",
            "Set it to scheme and host alone, such as https://alloy.example.org.",
        )
        return
    if not validate_host(host, split(config.allowed_hosts)):
        yield problem(
            "allowed hosts",
            f"ALLOY_ALLOWED_HOSTS does not name {host}, the host of ALLOY_PUBLIC_URL.",
            f"Add {host} to ALLOY_ALLOWED_HOSTS.",
        )
    elif "*" in split(config.allowed_hosts):
        yield warning(
            "allowed hosts", "Any Host header is believed.", f"Set ALLOY_ALLOWED_HOSTS={host}."
        )
    else:
        yield ok("allowed hosts", f"{host} is one of them")
    if parts.scheme == "http" and not _is_local(host):
        yield problem(
            "public URL",
            f"{config.public_url} sends passwords and keys in the clear.",
            "Put TLS before the web process and set ALLOY_PUBLIC_URL=https://….",
        )
    else:
        yield ok("public URL", config.public_url)


def secrecy() -> Findings:
    if config.debug and not _is_local(urlsplit(config.public_url).hostname or ""):
        yield problem("debug", "ALLOY_DEBUG shows tracebacks to everybody.", "Unset ALLOY_DEBUG.")
    if config.webhook_allow_http:
        yield warning(
            "webhooks",
            "Webhooks may be sent over http, where others read them.",
            "Unset ALLOY_WEBHOOK_ALLOW_HTTP when all receivers know https.",
        )
    if len(set(config.secret_key.get_secret_value())) < 10:
        yield problem(
            "secret key",
            "ALLOY_SECRET_KEY has few different characters: it can be guessed.",
            "Make one with `openssl rand -hex 32`. Sessions and webhook secrets change with it.",
        )
    else:
        yield ok("secret key", "long and varied")


def web() -> Findings:
    """Whether our own web process answers where users are sent."""
    url = f"{config.public_url.rstrip('/')}/healthz"
    wanted = deployment.name(config.secret_key.get_secret_value())
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310  # the operator's
            found = answer.headers.get(deployment.HEADER)
    except (OSError, ValueError) as error:
        yield problem(
            "web", f"{url} does not answer: {error}.", "Is the web process up, and DNS right?"
        )
        return
    if found != wanted:
        yield problem(
            "web",
            f"Something else answers at {url}.",
            "Send that address to this deployment; all its processes need one ALLOY_SECRET_KEY.",
        )
    else:
        yield ok("web", f"{config.public_url} answers")


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
