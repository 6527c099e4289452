"""Whatever arrives, the agent answers with a refusal or takes it; it never breaks."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.agent.beats import parse_address, wrapped
from recovery.agent.http import HttpFailure, _length, _status
from recovery.agent.kernel import judge, look
from recovery.agent.link import refusal_of
from recovery.core import wire
from recovery.core.errors import BadMessage
from tests.support import own

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=20,
)
_kinds = ("challenge", "welcome", "desired", "order", "probe", "look", "refusal", "enrolled", "x")
_frames = st.builds(
    lambda kind, fields: json.dumps(fields | {"type": kind}),
    st.sampled_from(_kinds),
    st.dictionaries(
        st.sampled_from(
            ["operation", "epoch", "verb", "container", "version", "containers", "peers", "peer"]
        ),
        _json,
    ),
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(_frames, st.text(), st.binary()))
def test_any_text_is_a_frame_or_a_refusal_with_its_reason(text: str | bytes) -> None:
    try:
        wire.decode_from_gateway(text)
    except BadMessage as error:
        answer = refusal_of(text, error)
        assert wire.decode_from_agent(wire.encode(answer)) == answer
        said = answer.detail if isinstance(answer, wire.Outcome) else answer.message
        assert said


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_none(text: str) -> None:
    found = parse_address(text)
    assert found is None or 0 < found[1] < 65536


@given(st.binary(max_size=200))
def test_any_head_is_a_status_or_a_failure(head: bytes) -> None:
    length = _length(head)
    assert length is None or length >= 0
    if head.startswith(b"HTTP/1.1 200 "):
        assert _status(head) == 200
    elif not head.startswith(b"HTTP/1."):
        with pytest.raises(HttpFailure, match="not HTTP"):
            _status(head)


def test_a_datagram_for_the_relay_names_its_destination() -> None:
    wrapped_one = wrapped(b"beat", ("127.0.0.9", 8100))
    assert wrapped_one == b"\0\0\0\1\x7f\0\0\x09\x1f\xa4beat"


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("ECONNREFUSED", "resets"),
        ("EHOSTUNREACH", "silent"),
        ("ETIMEDOUT", "silent"),
        ("ENETUNREACH", "unknown"),
        ("ENETDOWN", "unknown"),
        ("EMFILE", "unknown"),
        ("EADDRNOTAVAIL", "unknown"),
        ("EACCES", "unknown"),
    ],
)
def test_a_failure_of_our_own_is_never_called_silence(name: str, kernel: str) -> None:
    import errno

    assert judge(getattr(errno, name)) == kernel


async def test_a_kernel_that_accepts_resets_or_drops_is_told_apart() -> None:
    listener = socket.create_server((own.address("200.9"), 21090))
    assert await look(own.address("200.9"), 21090, 0.5) == "answers"
    listener.listen(0)
    fillers = [socket.socket() for _ in range(2)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex((own.address("200.9"), 21090))
    assert await look(own.address("200.9"), 21090, 0.3) == "silent"
    for sock in (*fillers, listener):
        sock.close()
    assert await look(own.address("200.9"), 21090, 0.5) == "resets"


async def test_no_address_of_our_own_is_unknown() -> None:
    assert await look(own.address("200.9"), 21090, 0.3, source="203.0.113.9") == "unknown"
