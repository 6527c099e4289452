"""EC2's query protocol, as far as we speak it: parameters in, XML out. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

_SPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
Params = Mapping[str, str]
Node = Mapping[str, object]


def parameters(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def listed(params: Params, prefix: str) -> list[str]:
    """`Prefix.1`, `Prefix.2` and so on."""
    found: list[str] = []
    while (value := params.get(f"{prefix}.{len(found) + 1}")) is not None:
        found.append(value)
    return found


def tags(params: Params) -> dict[str, str]:
    """Those that what is made shall bear."""
    found, number = {}, 1
    while (key := params.get(f"TagSpecification.1.Tag.{number}.Key")) is not None:
        found[key] = params.get(f"TagSpecification.1.Tag.{number}.Value", "")
        number += 1
    return found


def filters(params: Params) -> dict[str, set[str]]:
    """By name, the values of which one has to hold."""
    found, number = {}, 1
    while (name := params.get(f"Filter.{number}.Name")) is not None:
        found[name] = set(listed(params, f"Filter.{number}.Value"))
        number += 1
    return found


def answer(action: str, content: Node) -> bytes:
    inner = "".join(_written(name, value) for name, value in content.items())
    name = f"{action}Response"
    return f'<{name} xmlns="{_SPACE}"><requestId>lab</requestId>{inner}</{name}>'.encode()


def refusal(code: str, words: str) -> bytes:
    inner = f"<Code>{escape(code)}</Code><Message>{escape(words)}</Message>"
    error = f"<Errors><Error>{inner}</Error></Errors>"
    return f"<Response>{error}<RequestID>lab</RequestID></Response>".encode()


def tag_set(pairs: Mapping[str, str]) -> list[Node]:
    return [{"key": key, "value": value} for key, value in pairs.items()]


def _written(name: str, value: object) -> str:
    if isinstance(value, list):
        items = (f"<item>{_members(each)}</item>" for each in value)
        return f"<{name}>{''.join(items)}</{name}>"
    return f"<{name}>{escape(str(value))}</{name}>"


def _members(node: Node) -> str:
    return "".join(_written(name, value) for name, value in node.items())


# ---------------------------------------------------------------------- who asks

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/ec2/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


def is_signed(headers: Mapping[str, str], body: bytes, site: str, access: str, secret: str) -> bool:
    """Whether who asks has our secret, for this site (AWS Signature Version 4). `headers`: by
    their names in small letters."""
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        return False
    who, day, region, signed, signature = found.groups()
    names = signed.split(";")
    asked = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names)
    request = _lines("POST", "/", "", asked, signed, hashlib.sha256(body).hexdigest())
    scope = f"{day}/{region}/ec2/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = _lines("AWS4-HMAC-SHA256", headers.get("x-amz-date", ""), scope, digest)
    key = f"AWS4{secret}".encode()
    for part in (day, region, "ec2", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(key.hex(), signature) and (who, region) == (access, site)


def _lines(*parts: str) -> str:
    return "\n".join(parts)


def matching(found: Iterable[Node], wanted: Mapping[str, set[str]]) -> list[Node]:
    """Those for which every filter holds: `tag:NAME` and `snapshot-id`."""
    return [each for each in found if all(_holds(each, n, v) for n, v in wanted.items())]


def _holds(node: Node, name: str, values: set[str]) -> bool:
    if name == "snapshot-id":
        return node.get("snapshot") in values
    pairs = node.get("tags")
    assert isinstance(pairs, dict)
    return pairs.get(name.removeprefix("tag:")) in values
