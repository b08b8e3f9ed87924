"""What a tenant's URL can't do: every way round the guard that peers have met (SSRF)."""

import gzip
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from alloyworks import outbound
from alloyworks.config import config
from alloyworks.outbound import Unreachable, UrlNotAllowed
from tests.platform.listener import Listener, listening, names, open_for

HERE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.01/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://a@127.0.0.1/",
    "https://ok.example@127.0.0.1/",
    "https://127.0.0.1\\@ok.example/",
    "https://ok.example\\@127.0.0.1/",
    "https://127.0.0.1:443:80/",
    "https://127.0.0.1%2f@ok.example/",
    "https://%31%32%37.0.0.1/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://127\u30020\u30020\u30021/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::ffff:169.254.169.254]/",
    "https://168.63.129.16/",
    "https://100.100.100.200/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://192.0.0.192/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://ip6-localhost/",
    "http://ok.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "unix:///run/valkey.sock",
    "ftp://ok.example/",
    "//127.0.0.1/",
    "127.0.0.1",
    "https:///x",
    "https://",
    "",
    "https://ok.example:22/",
    "https://ok.example:0/",
    "https://ok.example:99999/",
    "https://ok.example:x/",
    "https://ok.example/ HTTP/1.1\r\nHost: 127.0.0.1",
    "https://ok.example/\nX-A: b",
    "https://ok\t.example/",
    "https://[::1/",
    "https://" + "a" * 2000 + ".example/",
]


@pytest.mark.parametrize("url", HERE)
def test_it_is_refused_and_nobody_is_called(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(*_: object, **__: object) -> None:
        raise AssertionError(f"connected for {url}")

    monkeypatch.setattr(socket, "create_connection", call)
    with pytest.raises((UrlNotAllowed, Unreachable)) as caught:
        outbound.post(url, b"{}", {})

    if isinstance(caught.value, UrlNotAllowed):
        assert caught.value.status == 422
        assert all(error.remedy for error in caught.value.errors)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1"])
def test_a_listener_on_the_loopback_hears_nothing(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as listener:
        monkeypatch.setattr(config, "webhook_allow_http", True)
        monkeypatch.setattr(config, "webhook_ports", str(listener.port))
        with pytest.raises(UrlNotAllowed):
            outbound.post(f"http://{host}:{listener.port}/", b"{}", {})

    assert listener.connections == 0


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch):
    with listening() as found:
        open_for(monkeypatch, found.port)
        yield found


def send(listener: Listener, host: str = "127.0.0.1", path: str = "/hook?a=b") -> outbound.Answer:
    return outbound.post(f"http://{host}:{listener.port}{path}", b"{}", {"x-mine": "1"})


def test_an_opened_network_is_reached_with_the_host_kept(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.1"])

    assert send(listener, "hook.example").status == 204
    assert listener.requests[0].startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert listener.headers()["host"] == f"hook.example:{listener.port}"
    assert (listener.headers()["x-mine"], listener.body()) == ("1", b"{}")


def test_one_bad_address_among_good_ones_closes_the_name(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.1", "10.0.0.1"])

    with pytest.raises(UrlNotAllowed, match="leads to an address that is not public"):
        send(listener, "both.example")
    assert listener.connections == 0


def test_a_name_is_resolved_once_so_that_it_can_not_change_its_mind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: public when it is looked at, the loopback when it is called."""
    called: list[str] = []

    def call(address: tuple[str, int], timeout: float) -> socket.socket:
        called.append(address[0])
        raise OSError("nobody")

    monkeypatch.setattr(socket, "create_connection", call)
    asked = names(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    with pytest.raises(Unreachable):
        outbound.post("https://rebind.example/", b"", {})

    assert (asked, called) == (["rebind.example"], ["93.184.215.14"])


def test_a_name_that_rebinds_later_is_looked_at_again(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    send(listener, "rebind.example")

    with pytest.raises(UrlNotAllowed):
        send(listener, "rebind.example")
    assert listener.connections == 1


def test_a_name_that_is_not_found_first_is_checked_when_it_is(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, [], ["10.0.0.1"])

    with pytest.raises(Unreachable, match="no address"):
        send(listener, "late.example")
    with pytest.raises(UrlNotAllowed):
        send(listener, "late.example")


def test_what_a_name_stands_for_inside_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["10.20.30.40"])

    with pytest.raises(UrlNotAllowed, match="leads to an address that is not public") as caught:
        outbound.resolve("intern.example")
    assert "10.20.30.40" not in str(caught.value.body())


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "168.63.129.16"])
def test_metadata_services_stay_closed_whatever_is_opened(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "webhook_networks", "0.0.0.0/0, ::/0")

    assert not outbound.may_reach(address)
    assert outbound.may_reach("10.1.2.3")


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1"])
def test_public_addresses_are_reached(address: str) -> None:
    assert outbound.may_reach(address)


def test_redirects_are_not_followed(listener: Listener) -> None:
    target = f"http://127.0.0.1:{listener.port}/again"
    listener.reply = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\n\r\n".encode()

    assert send(listener).status == 302
    assert listener.connections == 1


def test_of_a_large_answer_one_megabyte_is_read(listener: Listener) -> None:
    listener.reply = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (3 * 1024**2)

    assert len(send(listener).body) == 1024**2


def test_a_compressed_bomb_stays_as_it_is(listener: Listener) -> None:
    bomb = gzip.compress(bytes(10 * 1024**2))
    listener.reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb

    assert send(listener).body == bomb


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_trickles_is_cut_off(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "SECONDS", 0.6)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        open_for(monkeypatch, port)
        done = threading.Event()
        thread = threading.Thread(target=_trickle, args=(server, first, done))
        thread.start()
        begun = time.monotonic()
        try:
            with pytest.raises(Unreachable, match="No whole answer"):
                outbound.post(f"http://127.0.0.1:{port}/", b"{}", {})
            assert time.monotonic() - begun < 2
        finally:
            done.set()
            thread.join()


def _trickle(server: socket.socket, first: bytes, done: threading.Event) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(first)
        while not done.wait(0.1):
            try:
                connection.sendall(b"x")
            except OSError:
                return


def test_nonsense_instead_of_an_answer_is_unreachable(listener: Listener) -> None:
    listener.reply = b"SSH-2.0-OpenSSH_9.2\r\n"

    with pytest.raises(Unreachable):
        send(listener)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of hook.example, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hook.example -addext"
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    command = ["openssl", *words.split(), "subjectAltName=DNS:hook.example", *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def over_tls(certificate: Path, patch: pytest.MonkeyPatch, host: str) -> list[str | None]:
    """Sends one request to a TLS server; returns the names that it was asked for (SNI)."""
    asked: list[str | None] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "cert", certificate / "key")
    server.sni_callback = lambda _, name, __: asked.append(name)

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        try:
            with server.wrap_socket(connection, server_side=True) as secured:
                while not secured.recv(65536).endswith(b"{}"):
                    pass
                secured.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening_socket:
        thread = threading.Thread(target=serve, args=(listening_socket,))
        thread.start()
        port = listening_socket.getsockname()[1]
        open_for(patch, port)
        try:
            assert outbound.post(f"https://{host}:{port}/", b"{}", {}).status == 204
        finally:
            thread.join()
    return asked


def trusting(certificate: Path, patch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(cafile=certificate / "cert")
    patch.setattr(outbound, "_trust", lambda: context)


def test_tls_asks_for_the_name_of_the_url_at_the_address_that_was_looked_at(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(certificate, monkeypatch)
    names(monkeypatch, ["127.0.0.1"])

    assert over_tls(certificate, monkeypatch, "hook.example") == ["hook.example"]


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_of_somebody_else_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    if trusted:
        trusting(certificate, monkeypatch)
    names(monkeypatch, ["127.0.0.1"])

    with pytest.raises(Unreachable, match="certificate"):
        over_tls(certificate, monkeypatch, "other.example" if trusted else "hook.example")
