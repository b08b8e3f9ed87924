"""The one way to an address that a tenant named: `post()`. It can't be turned against ourselves.

A tenant's URL may name this machine, the cloud's metadata service or a neighbour in the network,
by any spelling of an address, by a name that resolves to one, or by a redirect. So the URL is read
strictly and once; its name is resolved once; if any of its addresses may not be reached, none is;
and the connection goes to the very address that was looked at. Redirects are not followed.
"""

import contextlib
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic
from urllib.parse import urlsplit

from alloyworks.config import config
from alloyworks.errors import FieldError, Invalid

SECONDS = 10.0  # from the first look at the name to the last byte of the answer
ANSWER_BYTES = 1024**2  # more of an answer is not read
LONGEST_URL = 2000
Address = IPv4Address | IPv6Address
Lookup = Callable[[str], list[str]]

# Dotted names as DNS has them. What ends in a number is an address in some spelling, or nothing.
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"({_LABEL}\.)*{_LABEL}")
_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
_PRINTED = re.compile(r"[\x21-\x7e]+")
# Never, whatever the operator allows: metadata services hand out the machine's own credentials.
_METADATA = [
    ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "168.63.129.16", "100.100.100.200")
]
# Global to Python 3.11, but ways into IPv4, or reserved.
_CLOSED = [
    ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16", "192.0.0.0/24")
] + [ip_network(text) for text in ("192.88.99.0/24", "240.0.0.0/4", "::/96", "3fff::/20")]


class UrlNotAllowed(Invalid):
    """The URL, or what its name resolves to, is refused."""

    type, title = "url-not-allowed", "This URL is not allowed"


class Unreachable(Exception):
    """No answer: the words say why."""


@dataclass(frozen=True)
class Target:
    """A URL, taken apart for good."""

    scheme: str
    host: str  # as in the URL: a name, or an address (IPv6 without brackets)
    port: int
    path: str

    @property
    def authority(self) -> str:
        """For the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


_TOO_LATE = f"No whole answer within {SECONDS:.0f} s."
_PORTS = {"https": 443, "http": 80}


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Sends the body. Raises UrlNotAllowed or Unreachable, and answers within `SECONDS`."""
    deadline = monotonic() + SECONDS
    target = read(url)
    addresses = resolve(target.host)
    with (
        contextlib.closing(_connected(target, addresses, deadline)) as wire,
        _cut_at(deadline, wire),
    ):
        try:
            if isinstance(wire, ssl.SSLSocket):
                wire.do_handshake()
            answer = _exchange(wire, target, body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if monotonic() >= deadline:
                raise Unreachable(_TOO_LATE) from None
            raise Unreachable(f"The connection broke: {_words(error)}") from None
    if monotonic() >= deadline:  # what was cut off may look like an end
        raise Unreachable(_TOO_LATE)
    return answer


def read(url: str) -> Target:
    """The parts of an acceptable URL. Raises UrlNotAllowed."""
    if len(url) > LONGEST_URL or not _PRINTED.fullmatch(url) or "\\" in url:
        raise _refusal("The URL has characters that none has, or too many of them.", _PLAIN)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refusal(f"The URL can't be read: {error}.", _PLAIN) from None
    schemes = ("https", "http") if config.webhook_allow_http else ("https",)
    if parts.scheme not in schemes:
        raise _refusal(f"{parts.scheme or 'No scheme'}: is not allowed.", "Use https://.")
    if "@" in parts.netloc:
        raise _refusal("The URL holds a user name or a password.", "Leave them out.")
    host = (parts.hostname or "").lower()
    if not (_literal(host) or (_NAME.fullmatch(host) and not _NUMBER.fullmatch(host))):
        raise _refusal(f"{host!r} is no host name.", _PLAIN)
    port = _PORTS[parts.scheme] if port is None else port
    if port not in config.webhook_port_numbers:
        allowed = ", ".join(map(str, config.webhook_port_numbers))
        raise _refusal(f"Port {port} is not allowed.", f"Use one of {allowed}.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def resolve(host: str) -> list[str]:
    """Every address of the host, all of which may be reached. Raises UrlNotAllowed, Unreachable."""
    found = [host] if _literal(host) else _looked_up(host)
    for text in found:
        if not may_reach(text):
            remedy = "Use a server that the whole Internet reaches, or ask the operator."
            # Not the address itself: what names stand for inside is nobody's business.
            what = (
                "is not a public address"
                if host == text
                else "leads to an address that is not public"
            )
            raise _refusal(f"{host} {what}.", remedy)
    return found


def may_reach(text: str) -> bool:
    """Whether the address is public, or in a network that the operator has opened."""
    try:
        address: Address = ip_address(text)
    except ValueError:
        return False  # an IPv6 address with a zone, above all
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in network for network in _METADATA) or address.is_multicast:
        return False
    if any(address in network for network in config.webhook_networks_opened):
        return True
    return address.is_global and not any(address in network for network in _CLOSED)


def system_lookup(host: str) -> list[str]:
    """The addresses that the system's resolver knows, each once. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


lookup: Lookup = system_lookup
_PLAIN = "Use an address such as https://example.org/hook."
_resolving = ThreadPoolExecutor(8, thread_name_prefix="resolve")


def _looked_up(host: str) -> list[str]:
    try:
        found = _resolving.submit(lookup, host).result(timeout=SECONDS / 2)
    except (OSError, UnicodeError):
        raise Unreachable(f"The name {host} has no address.") from None
    except TooSlow:
        raise Unreachable(f"The name {host} was not resolved in time.") from None
    if not found:
        raise Unreachable(f"The name {host} has no address.")
    return found


def _literal(host: str) -> bool:
    """Whether the host is an address in its plain spelling; others are no host at all."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _connected(target: Target, addresses: list[str], deadline: float) -> socket.socket:
    """To the first address that takes a connection. TLS, to come, asks for the URL's host."""
    problem: Exception = OSError("no address")
    for address in addresses:
        try:
            left = max(0.1, deadline - monotonic())
            plain = socket.create_connection((address, target.port), timeout=left)
        except OSError as error:
            problem = error
            continue
        if target.scheme == "http":
            return plain
        name = target.host
        return _trust().wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
    raise Unreachable(f"Nobody answers at {target.authority}: {_words(problem)}")


def _trust() -> ssl.SSLContext:
    """The system's authorities, and certificates for the very name."""
    return ssl.create_default_context()


@contextlib.contextmanager
def _cut_at(deadline: float, wire: socket.socket) -> Iterator[None]:
    """Ends what is being read or written then, however slowly it comes."""

    def cut() -> None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(wire, socket.SHUT_RDWR)

    guard = threading.Timer(max(0.0, deadline - monotonic()), cut)
    guard.daemon = True
    guard.start()
    try:
        yield
    finally:
        guard.cancel()


def _exchange(
    wire: socket.socket, target: Target, body: bytes, headers: Mapping[str, str]
) -> Answer:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.default_port = _PORTS[target.scheme]  # it makes the Host header of these three
    connection.sock = wire
    connection.request("POST", target.path, body, dict(headers))
    response = connection.getresponse()
    return Answer(response.status, response.read(ANSWER_BYTES))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _refusal(detail: str, remedy: str) -> UrlNotAllowed:
    return UrlNotAllowed(detail, [FieldError(["url"], detail, remedy)])
