"""Fetching photos from strangers' addresses, without any network."""

import socket
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.listings.photo_fetch import MOST_REDIRECTS, fetch_photo, is_public

PUBLIC = "93.184.216.34"


class Web:
    """Answers by host, over socket pairs; notes where connections would have gone."""

    def __init__(self, **answers: bytes) -> None:
        self.answers = answers
        self.addresses: dict[str, list[str]] = {}
        self.asked: list[tuple[str, int]] = []
        self.requests: list[bytes] = []

    def resolve(self, host: str, port: int) -> Sequence[str]:
        if host not in self.addresses and host.partition(".")[0] not in self.answers:
            raise OSError("no such host")
        return self.addresses.get(host, [PUBLIC])

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.asked.append((address, port))
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()
        return ours

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            request = connection.recv(4096)
            self.requests.append(request)
            host = request.partition(b"Host: ")[2].partition(b"\r\n")[0].decode()
            connection.sendall(self.answers.get(host.partition(".")[0], b""))

    def fetch(self, url: str, max_bytes: int = 100, seconds: float = 5) -> bytes:
        return fetch_photo(
            url, max_bytes=max_bytes, seconds=seconds, resolve=self.resolve, connect=self.connect
        )


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_public_file() -> None:
    web = Web(images=ok(b"photo"))
    assert web.fetch("http://images.example.com/a/b.jpg?size=2") == b"photo"
    assert web.asked == [(PUBLIC, 80)]
    assert web.requests[0].startswith(b"GET /a/b.jpg?size=2 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "fd00:ec2::254"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "?"),
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # teredo of 127.0.0.1
    ],
)
def test_what_is_not_public_is_never_connected_to(address: str) -> None:
    assert not is_public(address)
    web = Web(images=ok(b"secret"))
    web.addresses["images.example.com"] = [PUBLIC, address]
    with pytest.raises(BadInput, match="not on the public internet") as refused:
        web.fetch("http://images.example.com/a.jpg")
    assert address not in str(refused.value)
    assert web.asked == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    web = Web(images=ok(b"photo"))
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    found = fetch_photo(
        "http://images.example.com/a.jpg",
        max_bytes=100,
        resolve=lambda host, port: next(answers),
        connect=web.connect,
    )
    assert found == b"photo"
    assert web.asked == [("8.8.8.8", 80)]


def test_redirects_are_checked_too() -> None:
    web = Web(images=moved("http://other.example.com/b.jpg"), other=ok(b"photo"))
    assert web.fetch("http://images.example.com/a.jpg") == b"photo"
    web.addresses["other.example.com"] = ["169.254.169.254"]
    with pytest.raises(BadInput, match="not on the public internet"):
        web.fetch("http://images.example.com/a.jpg")
    for bad in ("file:///etc/passwd", "http://other.example.com:22/", "ftp://other.example.com/"):
        with pytest.raises(BadInput):
            Web(images=moved(bad)).fetch("http://images.example.com/a.jpg")


def test_redirects_end() -> None:
    web = Web(images=moved("/again"))
    with pytest.raises(BadInput, match="redirects too often"):
        web.fetch("http://images.example.com/a.jpg")
    assert len(web.asked) == 1 + MOST_REDIRECTS


@pytest.mark.parametrize(
    "url",
    [
        *("", "photo.jpg", "file:///etc/passwd", "gopher://images.example.com/", "http://"),
        *("http://images.example.com:22/", "http://u:p@images.example.com/", "http://[::1"),
        *("http://images.example.com/a b", "http://images.example.com/\r\nX: y", "http://nope.x/"),
        *("http://images.example.com:99999/", "https:images.example.com"),
    ],
)
def test_other_addresses(url: str) -> None:
    web = Web(images=ok(b"x"))
    with pytest.raises(BadInput):
        web.fetch(url)
    assert web.asked == []


@settings(deadline=None)
@given(st.text())
def test_any_text_is_refused_in_words(url: str) -> None:
    with pytest.raises(BadInput):
        Web().fetch(url)


def test_passwords_and_signatures_are_not_told() -> None:
    for url in ("http://u:secret@images.example.com/", "http://nope.x/a.jpg?sig=secret"):
        with pytest.raises(BadInput) as refused:
            Web().fetch(url)
        assert "secret" not in str(refused.value)


def test_size_time_and_other_answers() -> None:
    assert Web(images=ok(b"x" * 100)).fetch("http://images.example.com/") == b"x" * 100
    with pytest.raises(BadInput, match="larger than"):
        Web(images=ok(b"x" * 101)).fetch("http://images.example.com/")
    with pytest.raises(BadInput, match="answers 404"):
        Web(images=b"HTTP/1.1 404 No\r\n\r\n").fetch("http://images.example.com/")
    with pytest.raises(BadInput, match="cannot be read"):
        Web(images=b"nonsense\r\n\r\n").fetch("http://images.example.com/")
    with pytest.raises(BadInput, match="cannot be read"):  # TLS with who speaks none
        Web(images=ok(b"x")).fetch("https://images.example.com/")


def test_a_server_that_dawdles() -> None:
    def connect(address: str, port: int, seconds: float) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.settimeout(seconds)
        connect.held = theirs  # type: ignore[attr-defined]
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
        return ours

    with pytest.raises(BadInput, match=r"cannot be read|too long"):
        fetch_photo(
            "http://images.example.com/",
            max_bytes=100,
            seconds=0.3,
            resolve=lambda host, port: [PUBLIC],
            connect=connect,
        )
