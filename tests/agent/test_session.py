"""An agent's session with its control plane, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import urllib.request

import msgspec

from recovery.adapters.containers.seat import Seat
from recovery.core import wire
from tests.agent.conftest import Host, free_port, spec
from tests.agent.gateway import Gateway
from tests.support.clocks.steady import steady
from tests.support.waiting import until


def pid_of(host: Host, placement: str) -> int:
    path = host.folder / "state" / "containers" / placement / "seat.json"
    return msgspec.json.decode(path.read_bytes(), type=Seat).pid


async def fetch(host: Host, container: wire.ContainerSpec) -> dict[str, object]:
    def get() -> dict[str, object]:
        url = f"http://{host.address}:{container.port}/"
        with urllib.request.urlopen(url, timeout=2) as answer:
            found: dict[str, object] = json.load(answer)
            return found

    return await asyncio.to_thread(get)


async def test_a_host_enrols_with_its_token_and_beats_with_its_own_key(
    host: Host, gateway: Gateway
) -> None:
    host.start()
    await gateway.until(lambda: len(gateway.member(host.name).beats) >= 3)
    beats = [beat for _, beat in gateway.member(host.name).beats]
    assert [b.sequence for b in beats] == sorted({b.sequence for b in beats})
    assert {b.boot.hex() for b in beats} == {host.boot}
    hello = gateway.member(host.name).hello
    assert hello is not None
    assert hello.address == host.address


async def test_a_wrong_token_is_refused_and_a_right_one_later_is_enough(
    host: Host, gateway: Gateway
) -> None:
    (host.folder / "token").write_text("guessed")
    host.start()
    await until(lambda: gateway.refusals)
    (host.folder / "token").write_text("good-token")
    await gateway.until(lambda: gateway.member(host.name).socket)


async def test_the_identity_is_used_again_after_a_restart(host: Host, gateway: Gateway) -> None:
    host.start()
    await gateway.until(lambda: gateway.member(host.name).beats)
    last = gateway.member(host.name).beats[-1][1].sequence
    await host.stop()
    gateway.member(host.name).socket = None
    host.start()
    await gateway.until(lambda: gateway.member(host.name).socket)
    await gateway.until(lambda: gateway.member(host.name).beats[-1][1].sequence > last)
    assert len(gateway.members) == 1


async def test_what_is_desired_runs_and_what_is_no_longer_desired_stops(
    up: Host, gateway: Gateway
) -> None:
    one, two = spec("one"), spec("two")
    await gateway.desire(up.name, one, two)
    await gateway.until(lambda: gateway.states(up.name) == {"one": "running", "two": "running"})
    answer = await fetch(up, one)
    assert answer["container"] == "shop-one"
    assert answer["host"] == up.name
    await gateway.desire(up.name, two)
    await gateway.until(lambda: gateway.states(up.name)["one"] == "stopped")
    assert (await fetch(up, two))["container"] == "shop-two"


async def test_an_order_starts_once_however_often_it_is_repeated(
    up: Host, gateway: Gateway
) -> None:
    order = wire.Order(operation="op-1", epoch=1, verb="start", container=spec())
    for _ in range(3):
        await gateway.send(up.name, order)
    await gateway.until(lambda: gateway.frames(up.name, wire.Outcome))
    pid = pid_of(up, "seat-1")
    await gateway.send(up.name, order)
    await gateway.until(lambda: len(gateway.frames(up.name, wire.Outcome)) >= 2)
    assert {o.state for o in gateway.frames(up.name, wire.Outcome)} == {"done"}
    assert pid_of(up, "seat-1") == pid


async def test_a_stop_is_done_when_the_container_is_gone(up: Host, gateway: Gateway) -> None:
    container = spec()
    await gateway.desire(up.name, container)
    await gateway.until(lambda: gateway.states(up.name).get("seat-1") == "running")
    stop = wire.Order(operation="op-2", epoch=1, verb="stop", container=container)
    await gateway.send(up.name, stop)
    await gateway.until(lambda: gateway.frames(up.name, wire.Outcome))
    assert gateway.frames(up.name, wire.Outcome)[0].state == "done"
    with socket.socket() as probe:
        assert probe.connect_ex((up.address, container.port)) != 0


async def test_a_restart_gives_the_container_a_new_process(up: Host, gateway: Gateway) -> None:
    container = spec()
    await gateway.desire(up.name, container)
    await gateway.until(lambda: gateway.states(up.name).get("seat-1") == "running")
    pid = pid_of(up, "seat-1")
    again = wire.Order(operation="op-3", epoch=1, verb="restart", container=container)
    await gateway.send(up.name, again)
    await gateway.until(lambda: gateway.frames(up.name, wire.Outcome))
    assert gateway.frames(up.name, wire.Outcome)[0].state == "done"
    assert pid_of(up, "seat-1") != pid


async def test_an_order_of_a_lower_epoch_is_refused(up: Host, gateway: Gateway) -> None:
    gateway.epoch = 7
    await gateway.desire(up.name)
    await gateway.send(
        up.name, wire.Order(operation="late", epoch=6, verb="start", container=spec())
    )
    await gateway.until(lambda: gateway.frames(up.name, wire.Outcome))
    refused = gateway.frames(up.name, wire.Outcome)[0]
    assert refused.state == "refused"
    assert "epoch" in refused.detail
    assert gateway.states(up.name) == {}


async def test_an_older_list_is_refused_and_changes_nothing(up: Host, gateway: Gateway) -> None:
    container = spec()
    kept = await gateway.desire(up.name, container)
    await gateway.until(lambda: gateway.states(up.name).get("seat-1") == "running")
    older = msgspec.structs.replace(kept, version=kept.version - 1, containers=())
    await gateway.send(up.name, older)
    await gateway.until(lambda: gateway.frames(up.name, wire.Refusal))
    assert gateway.frames(up.name, wire.Refusal)[0].field == "version"
    assert (await fetch(up, container))["container"] == "shop-seat-1"


async def test_a_command_that_cannot_start_is_a_failed_outcome(up: Host, gateway: Gateway) -> None:
    broken = spec(command=("/no/such/program",))
    await gateway.send(
        up.name, wire.Order(operation="op-4", epoch=1, verb="start", container=broken)
    )
    await gateway.until(lambda: gateway.frames(up.name, wire.Outcome))
    failed = gateway.frames(up.name, wire.Outcome)[0]
    assert failed.state == "failed"
    assert "/no/such/program" in failed.detail


async def test_an_unknown_verb_is_refused_with_its_field(up: Host, gateway: Gateway) -> None:
    order = json.loads(
        wire.encode(wire.Order(operation="odd", epoch=1, verb="start", container=spec()))
    )
    order["verb"] = "wipe"
    await gateway.send(up.name, json.dumps(order))
    await gateway.until(lambda: gateway.frames(up.name, wire.Outcome))
    refused = gateway.frames(up.name, wire.Outcome)[0]
    assert (refused.operation, refused.state) == ("odd", "refused")
    assert "verb" in refused.detail


async def test_nonsense_is_refused_and_the_session_goes_on(up: Host, gateway: Gateway) -> None:
    for text in ("", "{", "[]", '{"type": "burn"}', '{"type": "desired", "version": "x"}'):
        await gateway.send(up.name, text)
    await gateway.until(lambda: len(gateway.frames(up.name, wire.Refusal)) == 5)
    assert gateway.frames(up.name, wire.Refusal)[-1].field == "version"
    await gateway.desire(up.name, spec())
    await gateway.until(lambda: gateway.states(up.name).get("seat-1") == "running")


async def test_a_frame_that_is_too_large_ends_the_session_and_a_new_one_begins(
    up: Host, gateway: Gateway
) -> None:
    before = gateway.member(up.name).socket
    await gateway.send(up.name, "x" * (wire.MAX_FRAME + 1))
    await gateway.until(lambda: gateway.member(up.name).socket is not before)


async def test_in_quarantine_nothing_new_starts_until_it_is_released(
    host: Host, gateway: Gateway
) -> None:
    gateway.quarantined = True
    host.start()
    await gateway.until(lambda: gateway.member(host.name).socket)
    await gateway.desire(host.name, spec(), quarantined=True)
    order = wire.Order(operation="q", epoch=1, verb="start", container=spec("other"))
    await gateway.send(host.name, order)
    await gateway.until(lambda: gateway.frames(host.name, wire.Outcome))
    assert gateway.frames(host.name, wire.Outcome)[0].state == "refused"
    await gateway.until(lambda: any(b.flags & 1 for _, b in gateway.member(host.name).beats))
    assert gateway.states(host.name) == {}
    await gateway.desire(host.name, spec())
    await gateway.until(lambda: gateway.states(host.name).get("seat-1") == "running")


async def test_without_a_control_plane_what_crashes_is_restarted_and_the_rest_stays(
    up: Host, gateway: Gateway
) -> None:
    container = spec()
    await gateway.desire(up.name, container)
    await gateway.until(lambda: gateway.states(up.name).get("seat-1") == "running")
    first = await fetch(up, container)
    await gateway.close()
    os.kill(pid_of(up, "seat-1"), signal.SIGKILL)

    async def runs_anew() -> bool:
        with contextlib.suppress(OSError):
            return (await fetch(up, container))["pid"] != first["pid"]
        return False

    await until(runs_anew)
    await gateway.open()
    await gateway.until(lambda: gateway.member(up.name).frames[-1])


async def test_a_crash_is_reported_with_how_it_ended(up: Host, gateway: Gateway) -> None:
    await gateway.desire(up.name, spec())
    await gateway.until(lambda: gateway.states(up.name).get("seat-1") == "running")
    os.kill(pid_of(up, "seat-1"), signal.SIGKILL)
    await gateway.until(
        lambda: any(
            "SIGKILL" in fact.detail
            for report in gateway.frames(up.name, wire.Report)
            for fact in report.containers
        )
    )
    await gateway.until(lambda: gateway.states(up.name).get("seat-1") == "running")
    assert gateway.member(up.name).containers["seat-1"].restarts == 1


async def test_a_look_is_answered_within_a_second(up: Host, gateway: Gateway) -> None:
    answering, refusing = spec(), free_port()
    await gateway.desire(up.name, answering)
    await gateway.until(lambda: gateway.states(up.name).get("seat-1") == "running")
    peer = wire.Peer(
        host_id="peer", address=up.address, probe_port=refusing, ports=(answering.port, refusing)
    )
    asked = steady.monotonic()
    await gateway.send(up.name, wire.Look(peer=peer))
    await gateway.until(lambda: gateway.frames(up.name, wire.Sighting))
    assert steady.monotonic() - asked < 1.0
    seen = gateway.frames(up.name, wire.Sighting)[0]
    assert (seen.kernel, seen.answering, seen.asked, seen.looked) == ("resets", 1, 2, True)
    assert seen.age_ms < 1000


async def test_peers_are_told_of_on_change_only(up: Host, gateway: Gateway) -> None:
    listener = socket.create_server((up.address, free_port()))
    peer = wire.Peer(host_id="peer", address=up.address, probe_port=listener.getsockname()[1])
    await gateway.send(up.name, wire.Probe(peers=(peer,)))
    await gateway.until(lambda: gateway.frames(up.name, wire.Sighting))
    await asyncio.sleep(1.5)
    assert [s.kernel for s in gateway.frames(up.name, wire.Sighting)] == ["answers"]
    listener.close()
    await gateway.until(lambda: len(gateway.frames(up.name, wire.Sighting)) == 2)
    assert gateway.frames(up.name, wire.Sighting)[1].kernel == "resets"


async def test_every_control_plane_gets_heartbeats_and_reports(
    host: Host, gateway: Gateway
) -> None:
    """Two gateways over the same rows: the second knows the host that the first enrolled."""
    second = Gateway("127.0.0.1", 0)
    second.members = gateway.members
    await second.open()
    host.gateways.append(second)
    try:
        host.start()
        await gateway.until(lambda: gateway.member(host.name).socket)
        member = gateway.member(host.name)
        await until(lambda: second.heard >= 2 and gateway.heard >= 2)
        assert member.hello is not None
    finally:
        await host.stop()
        await second.close()


async def test_where_datagrams_are_blocked_the_beat_comes_by_socket(
    host: Host, gateway: Gateway
) -> None:
    host.fields["heartbeats"] = "socket"
    host.start()
    await gateway.until(lambda: gateway.frames(host.name, wire.Beat))
    assert gateway.member(host.name).beats[0][1].flags & 4
