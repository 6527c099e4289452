"""Signed webhooks, as Standard Webhooks has them: `webhook-id`, `-timestamp`, `-signature`.

Invariants: a name is resolved once, and the connection goes to the address that was looked at, so
that no second answer of a name server leads elsewhere; an address that is not public, or a port
that is not 443, is refused unless an operator named its network; nothing is followed, no proxy of
the surroundings is used, and nothing of an answer but its status is read or shown.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from recovery.core.ports import NotAccepted

PATIENCE = 10.0
SHORTEST_KEY = 24
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
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
    mapped = getattr(address, "ipv4_mapped", None)
    if any(each in network for network in networks for each in (address, mapped) if each):
        return ""
    if port != 443:
        return f"Port {port} of it is none that we send to."
    if mapped is not None or not address.is_global or address.is_multicast:
        return f"{address} is no public address."
    return ""


@dataclass(frozen=True, slots=True)
class Hook:
    """`networks`: what an operator allows beside public addresses; `trust`: whose certificates."""

    url: str
    key: bytes = field(repr=False)
    networks: Sequence[Network] = ()
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    resolve: Resolve = resolve
    patience: float = PATIENCE

    def post(self, *, id: str, at: int, body: bytes) -> str:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or 443
        if parts.scheme != "https" or not host or parts.username is not None:
            raise NotAccepted("Its address is not https://host/…")
        there = self._look_up(host, port)
        headers = {
            "Host": host if port == 443 else f"{host}:{port}",
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(self.key, id, at, body),
        }
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        return self._send(f"https://{there}:{port}{path}", host, headers, body)

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

    def _send(self, url: str, host: str, headers: dict[str, str], body: bytes) -> str:
        options = {"sni_hostname": host}
        try:
            with (
                httpx.Client(verify=self.trust, timeout=self.patience, trust_env=False) as client,
                client.stream(
                    "POST", url, headers=headers, content=body, extensions=options
                ) as answer,
            ):
                said = f"{answer.status_code} {answer.reason_phrase}".strip()
                if not answer.is_success:
                    raise NotAccepted(f"{host} answered {said}.")
                return f"{host} answered {said}."
        except httpx.TimeoutException as error:
            raise NotAccepted(f"{host} did not answer within {self.patience:.0f} s.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotAccepted(f"{host} cannot be told: {error}.") from error
