"""Words may be late and come in any order: a truthful standby is never said to have claimed what
was not written, and one that does is found out (I-DB-6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from recovery.failover.rounds.memory import Memory, Number

A, B = "primary", "standby"


@dataclass
class World:
    """A primary that writes, a standby that follows, their agents' words and grants on the way, the
    rows that these arrive in, and the leader that reads them."""

    lies: int = 0
    written: int = 100
    held: int = 100
    life: int = 1
    granted: int = 0
    lease: Number = (1, 1, 0)
    grants: list[Number] = field(default_factory=list)
    words: list[tuple[str, int, Number]] = field(default_factory=list)
    rows: dict[str, tuple[int, int]] = field(default_factory=lambda: {A: (1, 100), B: (1, 100)})
    after: Number = (0, 0, 0)
    memory: Memory = field(default_factory=Memory)

    def do(self, act: str, which: int) -> None:
        getattr(self, act)(which)

    def write(self, much: int) -> None:
        self.written += much

    def ship(self, much: int) -> None:
        self.held = min(self.written, self.held + much)

    def look(self, whose: int) -> None:
        """What is told later, however late, is of now."""
        if whose % 2:
            self.words.append((B, self.held + self.lies, (0, 0, 0)))
        else:
            self.words.append((A, self.written, (1, self.life, self.granted)))

    def hear(self, which: int) -> None:
        """Any of those that are under way, also one that was overtaken."""
        if self.words:
            who, position, after = self.words.pop(which % len(self.words))
            self.rows[who] = (self.rows[who][0] + 1, position)
            self.after = after if who == A else self.after

    def renew(self, _: int) -> None:
        self.lease = (1, self.life, self.lease[2] + 1 if self.lease[1] == self.life else 1)
        self.grants.append(self.lease)

    def grant(self, which: int) -> None:
        if self.grants:
            _, life, number = self.grants.pop(which % len(self.grants))
            self.granted = max(self.granted, number) if life == self.life else self.granted

    def restart(self, _: int) -> None:
        """The primary's agent: its numbers begin anew."""
        self.life, self.granted = self.life + 1, 0

    def read(self, _: int) -> None:
        at = float(self.rows[A][0] + self.rows[B][0])
        history, told = (A, 1), dict(self.rows)
        self.memory.note_words("db", history, told, at, lease=self.lease, granted=self.after)


ACTS = ["write", "ship", "look", "look", "hear", "hear", "renew", "grant", "read", "read"]
STEPS = st.lists(st.tuples(st.sampled_from([*ACTS, "restart"]), st.integers(0, 60)), max_size=120)


@given(steps=STEPS)
def test_a_truthful_standby_is_called_no_liar_in_whatever_order_words_come(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    for act, which in steps:
        world.do(act, which)
    world.read(0)
    assert not world.memory.claimed


@given(steps=STEPS)
def test_who_claims_what_was_not_written_is_found_by_the_next_words_that_are_in_order(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    for act, which in steps:
        world.do(act, which)
    world.words.clear()
    world.grants.clear()
    world.lies = 10_000
    for act, which in (
        ("renew", 0), ("read", 0), ("look", 1), ("hear", 0), ("read", 0),
        ("renew", 0), ("grant", -1), ("look", 0), ("hear", 0), ("read", 0),
    ):  # fmt: skip
        world.do(act, which)
    assert world.memory.claimed[B] > world.written
