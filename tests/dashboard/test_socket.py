"""The browser's socket: origin, login, and that what it carries equals the page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from dashboard import live
from dashboard.consumers import is_same_origin
from dashboard.routing import websockets
from recovery.core import clock
from recovery.inventory.models import Host
from tests.dashboard import fleet
from tests.support.clocks.steady import steady
from tests.support.databases import Database

LONG = 60.0
"""Seconds to wait for what comes at once: a busy machine may be late."""


@pytest.fixture
async def stopped() -> AsyncIterator[None]:
    yield
    await live.stop()
    await sync_to_async(connections.close_all)()


def _seed() -> tuple[str, dict[str, Host]]:
    now = clock.system.now()
    fleet.seed_people(now)
    hosts = fleet.seed_demo(now)
    client = Client()
    client.force_login(User.objects.get(username="responder"))
    client.get("/")
    return client.cookies["tocsin_session"].value, hosts


def _socket(cookie: str, origin: str = "http://localhost:24000") -> WebsocketCommunicator:
    headers = [
        (b"host", b"localhost:24000"),
        (b"origin", origin.encode()),
        (b"cookie", f"tocsin_session={cookie}".encode()),
    ]
    path = "/live/?topics=voice,fleet,hurt,next"
    return WebsocketCommunicator(websockets, path, headers=headers)


async def test_what_is_pushed_equals_the_page_byte_for_byte(
    fresh_database: Database, stopped: None
) -> None:
    cookie, hosts = await sync_to_async(_seed)()
    socket = _socket(cookie)
    assert (await socket.connect(timeout=LONG))[0]
    await sync_to_async(fleet.lose_host)(hosts["par1-r1-h02"], clock.system.now())
    pushed: dict[str, str] = {}
    while "1 host lost" not in pushed.get("voice", "") or len(pushed) < 4:
        message = json.loads(await socket.receive_from(timeout=LONG))
        if "topic" in message:
            pushed[message["topic"]] = message["content"]
    client = Client()
    client.cookies["tocsin_session"] = cookie
    page = (await sync_to_async(client.get)("/")).content.decode()
    for topic, html in pushed.items():
        assert html in page, topic
    await socket.disconnect()


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:24001", "https://localhost", ""]
)
async def test_another_origin_is_refused(
    fresh_database: Database, stopped: None, origin: str
) -> None:
    cookie, _ = await sync_to_async(_seed)()
    assert not (await _socket(cookie, origin).connect())[0]


async def test_nobody_listens_without_signing_in(fresh_database: Database, stopped: None) -> None:
    socket = _socket("none")
    await socket.connect(timeout=LONG)
    closed = await socket.receive_output(timeout=LONG)
    assert (closed["type"], closed["code"]) == ("websocket.close", 4401)


async def test_signing_out_closes_the_socket_within_five_seconds(
    fresh_database: Database, stopped: None
) -> None:
    cookie, _ = await sync_to_async(_seed)()
    socket = _socket(cookie)
    await socket.connect(timeout=LONG)
    await socket.receive_from(timeout=LONG)

    def sign_out() -> None:
        client = Client()
        client.cookies["tocsin_session"] = cookie
        client.post("/account/logout/")

    await sync_to_async(sign_out)()
    began = steady.monotonic()
    while (said := await socket.receive_output(timeout=LONG))["type"] != "websocket.close":
        pass
    assert said["code"] == 4401
    assert steady.monotonic() - began < 7, "a tick is due every five, and takes its time to draw"


def test_only_the_host_it_was_sent_to_is_the_same_origin() -> None:
    assert is_same_origin("http://localhost:8000", "localhost:8000")
    assert not is_same_origin("http://localhost:8000", "localhost:8001")
    assert not is_same_origin("http://[", "localhost:8000")
    assert not is_same_origin("http://evil.example", "evil.example")
    assert not is_same_origin("file://localhost:8000", "localhost:8000")
    assert not is_same_origin("http://[", "localhost:8000")
