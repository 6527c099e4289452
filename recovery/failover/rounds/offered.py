"""What a recovery plan offers to a failover, and what people at its page do: rows → facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recovery.core.canonical import canonical, digest
from recovery.failover.authority import Authority
from recovery.failover.chosen import WORD, Chosen, Offer, Rule
from recovery.failover.facts import Proof, ProofKind
from recovery.failover.models import Failover


def chosen_of(row: Failover, now: datetime) -> Chosen | None:
    """The word of people at the database's page; None: none was given, or it ran out."""
    told = row.authority
    if not row.act.startswith(WORD) or not told:
        return None
    if now >= datetime.fromisoformat(str(told["until"])):
        return None
    seconds = told["seconds"]
    return Chosen(
        act=row.act,
        replica=str(told["replica"]),
        people=tuple(str(one) for one in told["people"]),
        waives=frozenset(Rule(str(one)) for one in told["waives"]),
        behind=int(str(told["behind"])),
        seconds=None if seconds is None else float(str(seconds)),
    )


def tell_offer(offer: Offer, row: Failover, now: datetime) -> Mapping[str, object]:
    """One copy as people are shown it. `digest`: of what they agree to: the missing bytes by their
    positions, and whether their time is known; an estimate that runs with the seconds is not in it,
    and is weighed again when it is used."""
    quote = offer.quote
    seconds = None if quote.seconds is None else round(quote.seconds, 1)
    bound = {
        "failover": str(row),
        "epoch": row.old_epoch,
        "replica": offer.replica,
        "rules": sorted(offer.rules),
        "position": str(quote.position),
        "held": str(quote.held),
        "is_known": seconds is not None,
    }
    return {
        **bound,
        "seconds": seconds,
        "name": offer.name,
        "reason": " ".join(f"{no.reason[:1].upper()}{no.reason[1:]}" for no in offer.against),
        "behind": str(quote.behind),
        "bound": None if quote.bound is None else round(quote.bound, 1),
        "quote": quote.said,
        "may": offer.may_be_chosen,
        "people": offer.people,
        "digest": digest(canonical(bound)),
        "at": now.isoformat(),
    }


def authority_of(row: Failover) -> Authority | None:
    """None: no plan wants it."""
    told = row.authority
    if not row.act or not told or row.act.startswith(WORD):
        return None
    return Authority(
        act=row.act,
        said=f"{told['name']}, step {told['step']},",
        into=str(told["into"]),
        loss=float(told["loss"]),
        people=tuple(str(one) for one in told["people"]),
        named=frozenset(str(one) for one in told.get("named", ())),
        gone=frozenset(str(one) for one in told.get("gone", ())),
    )


def approved_by(row: Failover) -> tuple[Proof, ...]:
    """What the people of a plan vouch for; it proves nothing where a lease could end."""
    authority = authority_of(row)
    if authority is None:
        return ()
    named = " and ".join(authority.people)
    return (
        Proof(
            kind=ProofKind.APPROVED,
            replica=str(row.source_id),
            epoch=row.old_epoch,
            said=f"{authority.said} on the word of {named}: it lives by no lease that could end.",
            people=authority.people,
        ),
    )
