"""What a gateway counts, in Prometheus' words: `GET /metrics` on its own port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from recovery.gateway.state import State


class Counts:
    """Reads the counters at the moment when somebody asks."""

    def __init__(self, state: State) -> None:
        self._state = state

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        state = self._state
        accepted = CounterMetricFamily(
            "tocsin_heartbeats_accepted", "Heartbeats that were genuine and in order."
        )
        accepted.add_metric([], state.liveness.counters["accepted"])
        yield accepted
        yield from self._refusals()
        sessions = GaugeMetricFamily("tocsin_agent_sessions", "Agents whose socket is open.")
        sessions.add_metric([], len(state.sessions))
        yield sessions

    def _refusals(self) -> Iterator[Metric]:
        refused = CounterMetricFamily(
            "tocsin_refused", "Datagrams and frames without effect, by field.", labels=["field"]
        )
        for name, count in (self._state.liveness.counters + self._state.counters).items():
            if name.startswith("refused_"):
                refused.add_metric([name.removeprefix("refused_")], count)
        yield refused
        strangers = CounterMetricFamily(
            "tocsin_strangers", "Containers reported that no row knows; never adopted."
        )
        strangers.add_metric([], self._state.counters["strangers"])
        yield strangers


def metrics(state: State) -> str:
    """The page."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Counts(state))
    return generate_latest(registry).decode()
