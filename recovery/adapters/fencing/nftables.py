"""The kernel's gate: a set element with a timeout lets clients in, and nothing else does (B4).

Only where the agent is root in a network namespace that is this host's alone. Invariants: the
rules stand before any server starts and outlive the agent; IPv4 and IPv6, new and established
connections, both directions; a renewal is one transaction, so that there is never a moment
without it. Peers pass by address and port: from there the server itself admits only replication
and the agents.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

from recovery.adapters.fencing.fences import Fences
from recovery.adapters.fencing.nft import Nft
from recovery.core.clock import SystemClock, system
from recovery.core.errors import Refused
from recovery.core.gates import GateKind
from recovery.core.wire import receipt_bytes

_TABLE = """
add table inet fence
add set inet fence guarded { type inet_service; }
add set inet fence lease { type inet_service; flags timeout; }
add set inet fence peers4 { type ipv4_addr . inet_service; }
add set inet fence peers6 { type ipv6_addr . inet_service; }
add chain inet fence in { type filter hook input priority -150; policy accept; }
add chain inet fence out { type filter hook output priority -150; policy accept; }
flush chain inet fence in
flush chain inet fence out
"""
_RULES = "\n".join(
    f"add rule inet fence {chain} tcp {way}port @guarded tcp {way}port != @lease "
    f"meta nfproto ipv{number} {family} {end} . tcp {way}port != @peers{number} drop"
    for chain, way, end in (("in", "d", "saddr"), ("out", "s", "daddr"))
    for number, family in ((4, "ip"), (6, "ip6"))
)
_PEER = re.compile(r"([0-9a-f.:]+) \. (\d+)")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class NftablesGate:
    """All gates of this host."""

    kind: GateKind = "nftables"

    def __init__(
        self, fences: Fences, sign: Callable[[bytes], str], clock: SystemClock = system
    ) -> None:
        self._fences, self._sign, self._clock = fences, sign, clock
        self._ports: dict[str, int] = {}
        self._epochs: dict[str, int] = {}
        self._nft = Nft()
        self._nft.run(f"{_TABLE}{_RULES}\n")

    async def guard(self, replica: str, port: int, peers: tuple[str, ...]) -> None:
        before = self._ports.get(replica, port)
        if before != port:
            await self.release(replica, before)
        self._ports[replica] = port
        lines = [_add("guarded", str(port))]
        lines += self._peers(port, peers)
        self._nft.run("\n".join(lines))

    async def extend(self, replica: str, epoch: int, deadline: float) -> None:
        known = max(self._fences.epoch(replica) + 1, self._epochs.get(replica, 0))
        if epoch < known:
            raise Refused(f"epoch {epoch} is below {known}", field="epoch")
        left = int((deadline - self._clock.boottime()) * 1000)
        if left <= 0:
            raise Refused("its time is over", field="deadline")
        port = self._port(replica)
        self._epochs[replica] = epoch
        self._nft.run("\n".join([*_removal(port), _add("lease", f"{port} timeout {left}ms")]))

    async def close(self, replica: str) -> None:
        self._nft.run("\n".join(_removal(self._port(replica))))

    async def fence(self, operation: str, replica: str, epoch: int) -> str:
        self._fences.raise_to(replica, epoch)
        await self.close(replica)
        return self._sign(receipt_bytes(operation, replica, epoch))

    async def left(self, replica: str) -> float:
        shown = self._nft.run("list set inet fence lease")
        found = re.search(rf"\b{self._port(replica)} timeout \w+ expires (\w+)", shown)
        return _seconds(found[1]) if found else 0.0

    async def arm(
        self, replica: str, port: int, peers: tuple[str, ...], epoch: int, deadline: float
    ) -> None:
        shown = self._nft.run("list set inet fence guarded")
        if not re.search(rf"\b{port}\b", shown):
            await self.guard(replica, port, peers)
            await self.extend(replica, epoch, deadline)

    async def release(self, replica: str, port: int) -> None:
        self._ports.pop(replica, None)
        lines = [_add("guarded", str(port)), _drop("guarded", str(port)), *_removal(port)]
        self._nft.run("\n".join([*lines, *self._peers(port, ())]))

    # ------------------------------------------------------------------ inside

    def _port(self, replica: str) -> int:
        try:
            return self._ports[replica]
        except KeyError:
            raise Refused(f"{replica} is not guarded here", field="replica") from None

    def _peers(self, port: int, wanted: Iterable[str]) -> list[str]:
        """What turns the peers of this port into these."""
        lines = []
        for number in (4, 6):
            shown = self._nft.run(f"list set inet fence peers{number}")
            known = {address for address, to in _PEER.findall(shown) if int(to) == port}
            mine = {a for a in wanted if ipaddress.ip_address(a).version == number}
            lines += [_drop(f"peers{number}", f"{a} . {port}") for a in known - mine]
            lines += [_add(f"peers{number}", f"{a} . {port}") for a in mine - known]
        return lines


def _add(name: str, element: str) -> str:
    return f"add element inet fence {name} {{ {element} }}"


def _drop(name: str, element: str) -> str:
    return f"delete element inet fence {name} {{ {element} }}"


def _removal(port: int) -> list[str]:
    """Takes the lease away whether or not there is one."""
    return [_add("lease", str(port)), _drop("lease", str(port))]


def _seconds(text: str) -> float:
    """ "1m2s345ms" in seconds."""
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|[dhms])", text))
