"""The only writers of restores, of their steps, and of what agents say of them."""

from recovery.restores.actions.carrying import carry, discard_again
from recovery.restores.actions.hearing import hear_restores
from recovery.restores.actions.people import (
    Words,
    ask_restore,
    call_off,
    commission_restore,
    give_restore,
)

__all__ = [
    "Words",
    "ask_restore",
    "call_off",
    "carry",
    "commission_restore",
    "discard_again",
    "give_restore",
    "hear_restores",
]
