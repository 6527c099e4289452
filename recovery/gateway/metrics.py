"""What a gateway counts, in Prometheus' words: `GET /metrics` on its own port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from recovery.gateway.state import State

LEASES = {
    "renewals": "Renewals that arrived.",
    "grants": "Renewals that were committed and answered.",
    "grants_withheld": "Renewals of primaries that do not seem to hear us (B7).",
    "renewals_ungranted": "Renewals that their row refused: revoked, late or foreign.",
    "renewals_lost": "Renewals that met rows that were away.",
    "foreign_replicas": "Words about replicas of another host, without effect (A3).",
}


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
        yield from self._leases()

    def _leases(self) -> Iterator[Metric]:
        for name, said in LEASES.items():
            counted = CounterMetricFamily(f"tocsin_{name}", said)
            counted.add_metric([], self._state.counters[name])
            yield counted
        commit = GaugeMetricFamily(
            "tocsin_renewal_commit_seconds", "How long the newest batch of renewals took."
        )
        commit.add_metric([], self._state.renewal_seconds)
        yield commit

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
