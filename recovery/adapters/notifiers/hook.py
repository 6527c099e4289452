"""Signed webhooks, as Standard Webhooks has them: `webhook-id`, `-timestamp`, `-signature`.

Invariants: a name is resolved once, and the connection goes to the address that was looked at, so
that no second answer of a name server leads elsewhere; an address that is not public, or a port
that is not 443, is refused unless an operator named its network; nothing is followed, no proxy of
the surroundings is used, and nothing of an answer but its status is read or shown; the exchange as
a whole, from the connection to the answer, is over in time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpcore

from recovery.adapters.notifiers.bounded import Network as Bounded
from recovery.adapters.notifiers.bounded import left_until
from recovery.core import clock
from recovery.core.ports import NotAccepted

PATIENCE = 10.0
SHORTEST_KEY = 24
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
TRANSLATED = tuple(
    ipaddress.IPv6Network(each) for each in ("::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)
"""Where an IPv4 address is hidden inside, or a translator of the surroundings decides what it leads
to: IPv4-compatible, NAT64 of one's own (RFC 8215), Teredo, 6to4."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Headers = Mapping[bytes | str, bytes | str]
Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]).split("%")[0] for each in found]


def sign(key: bytes, id: str, at: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA-256 of id, time and body, with dots between."""
    signed = b".".join([id.encode(), str(at).encode(), body])
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def read_key(text: str) -> bytes:
    """`whsec_` and base64, as receivers hand it out. `NotAccepted` where it is none."""
    try:
        key = base64.b64decode(text.strip().removeprefix("whsec_"), validate=True)
    except ValueError as error:
        raise NotAccepted("The key of its signature is not base64.") from error
    if len(key) < SHORTEST_KEY:
        raise NotAccepted(f"The key of its signature is shorter than {SHORTEST_KEY} bytes.")
    return key


def refuse_address(text: str, port: int, networks: Sequence[Network]) -> str:
    """Why nothing is sent there; empty where it may be."""
    address: Address = ipaddress.ip_address(text)
    inside = _inside(address)
    if any(each in network for network in networks for each in (address, inside) if each):
        return ""
    if port != 443:
        return f"Port {port} of it is none that we send to."
    if not all(_is_public(each) for each in (address, inside) if each):
        return f"{address} is no public address."
    return ""


def _inside(address: Address) -> ipaddress.IPv4Address | None:
    """Which machine of the older internet it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _is_public(address: Address) -> bool:
    if address in NAT64:
        return True  # what is inside says where it leads
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return False
    is_hidden = any(address in network for network in TRANSLATED)
    return address.is_global and not address.is_multicast and not is_hidden


@dataclass(frozen=True, slots=True)
class Hook:
    """`networks`: what an operator allows beside public addresses; `trust`: whose certificates."""

    url: str
    key: bytes = field(repr=False)
    networks: Sequence[Network] = ()
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    resolve: Resolve = resolve
    patience: float = PATIENCE
    clock: Callable[[], float] = clock.system.monotonic

    def post(self, *, id: str, at: int, body: bytes) -> str:
        host, port, path = self._parts()
        there = self._look_up(host, port)
        left = left_until(self.clock() + self.patience, self.clock)
        headers: Headers = {
            "Host": host if port == 443 else f"{host}:{port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "webhook-id": id,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(self.key, id, at, body),
        }
        with httpcore.ConnectionPool(ssl_context=self.trust, network_backend=Bounded(left)) as pool:
            return self._send(pool, f"https://{there}:{port}{path}", host, headers, body)

    def _parts(self) -> tuple[str, int, str]:
        """Name, port and path of where it goes."""
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname or "", 443 if parts.port is None else parts.port
        except ValueError as error:
            raise NotAccepted(f"Its address cannot be read: {error}.") from error
        if parts.scheme != "https" or not host or not port or parts.username is not None:
            raise NotAccepted("Its address is not https://host/…")
        return host, port, f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"

    def _look_up(self, host: str, port: int) -> str:
        try:
            found = list(self.resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise NotAccepted(f"Nobody knows where {host} is: {error}.") from error
        for each in found:
            if why := refuse_address(each, port, self.networks):
                raise NotAccepted(why, todo="TOCSIN_WEBHOOK_NETWORKS names what is allowed.")
        if not found:
            raise NotAccepted(f"{host} has no address.")
        return f"[{found[0]}]" if ":" in found[0] else found[0]

    def _send(
        self,
        pool: httpcore.ConnectionPool,
        url: str,
        host: str,
        headers: Headers,
        body: bytes,
    ) -> str:
        options = {"sni_hostname": host}
        try:
            with pool.stream("POST", url, headers=headers, content=body, extensions=options) as got:
                said = f"{got.status} {_phrase(got)}".strip()
                if not 200 <= got.status < 300:
                    raise NotAccepted(f"{host} answered {said}.")
                return f"{host} answered {said}."
        except httpcore.TimeoutException as error:
            raise NotAccepted(f"{host} did not answer within {self.patience:.0f} s.") from error
        except FAULTS as error:
            raise NotAccepted(f"{host} cannot be told: {error}.") from error


FAULTS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError)


def _phrase(answer: httpcore.Response) -> str:
    found = answer.extensions.get("reason_phrase", b"")
    return found.decode("ascii", "ignore") if isinstance(found, bytes) else ""
