"""Fetching one photo from an address that a stranger gives, without being turned on ourselves.

Server-side request forgery (OWASP A10:2021): the name is resolved once, every address it has must
be a public one, and the connection goes to the very address that was checked, so that a name
server cannot answer differently the second time. Redirects are checked in the same way.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from time import monotonic
from urllib.parse import SplitResult, urljoin, urlsplit

from marketrank.errors import BadInput

PORTS = {"http": 80, "https": 443}
MOST_REDIRECTS = 3
_BLOCK = 1 << 16
_REDIRECTS = {301, 302, 303, 307, 308}
_SHARED = ipaddress.ip_network("100.64.0.0/10")
# Addresses that carry an IPv4 one inside: what they lead to counts.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]


def fetch_photo(
    url: str,
    *,
    max_bytes: int,
    seconds: float = 15,
    resolve: Resolve | None = None,
    connect: Connect | None = None,
) -> bytes:
    """The bytes at a public http or https address, on its usual port.

    Raises BadInput, in words that tell nothing of our network, for any other address, after
    MOST_REDIRECTS redirects, for an answer other than 200, beyond `max_bytes` and after `seconds`
    in all.
    """
    deadline = monotonic() + seconds
    for _ in range(1 + MOST_REDIRECTS):
        found = _request(url, max_bytes, deadline, resolve or _resolve, connect or _connect)
        if isinstance(found, bytes):
            return found
        url = urljoin(url, found)
    raise BadInput(f"photo {_shown(url)}: it redirects too often; give the address of the file")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: not private, of this machine, of this
    link, of a cloud's services, multicast or reserved."""
    try:
        ip: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _inside(ip)
        if inner is not None:
            return is_public(str(inner))
    if isinstance(ip, ipaddress.IPv4Address) and ip in _SHARED:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _inside(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)


def _request(
    url: str, max_bytes: int, deadline: float, resolve: Resolve, connect: Connect
) -> bytes | str:
    """The file, or where it redirects to."""
    parts = _checked(url)
    host, port = str(parts.hostname), PORTS[parts.scheme]
    address = _public_address(url, host, port, resolve)
    try:
        plain = connect(address, port, _left(url, deadline))
        if parts.scheme == "https":
            context = ssl.create_default_context()
            plain = context.wrap_socket(plain, server_hostname=host)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = plain
        try:
            target = parts.path or "/"
            if parts.query:
                target += f"?{parts.query}"
            headers = {"Host": host, "User-Agent": "marketrank", "Accept": "image/*"}
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            if answer.status in _REDIRECTS and (location := answer.getheader("Location")):
                return location
            if answer.status != 200:
                raise BadInput(f"photo {_shown(url)}: the server answers {answer.status}")
            return _read(url, answer, plain, max_bytes, deadline)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Their texts name addresses and ports.
        raise BadInput(
            f"photo {_shown(url)}: it cannot be read ({type(error).__name__}); check the address"
        ) from error


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadInput(f"photo {url[:100]!r}: it is no address; write https://…") from error
    sound = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in PORTS or not parts.hostname or not sound:
        raise BadInput(f"photo {url[:100]!r}: it is no address; write https://…")
    if parts.username or parts.password or port not in (None, PORTS[parts.scheme]):
        raise BadInput(
            f"photo {_shown(url)}: an address with a port or a password is not fetched; upload it"
        )
    return parts


def _public_address(url: str, host: str, port: int, resolve: Resolve) -> str:
    try:
        addresses = list(resolve(host, port))
    except (OSError, UnicodeError) as error:
        raise BadInput(f"photo {_shown(url)}: there is no such host; check the address") from error
    if not addresses or not all(is_public(one) for one in addresses):
        raise BadInput(f"photo {_shown(url)}: it is not on the public internet; upload the file")
    return addresses[0]


def _read(
    url: str,
    answer: http.client.HTTPResponse,
    plain: socket.socket,
    max_bytes: int,
    deadline: float,
) -> bytes:
    blocks: list[bytes] = []
    size = 0
    while True:
        # A server that sends a byte now and then must not keep us for ever.
        plain.settimeout(_left(url, deadline))
        block = answer.read1(_BLOCK)
        if not block:
            return b"".join(blocks)
        size += len(block)
        if size > max_bytes:
            raise BadInput(
                f"photo {_shown(url)}: it is larger than {max_bytes / 1e6:.0f} MB; give a smaller"
            )
        blocks.append(block)


def _left(url: str, deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise BadInput(f"photo {_shown(url)}: it takes too long; upload the file")
    return left


def _shown(url: str) -> str:
    """Without what may be secret: a password, the signature in a query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{(parts.hostname or '')[:100]}{parts.path[:100]}"


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def _connect(address: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((address, port), timeout=seconds)
