"""A drill host's whole program, put together."""

from __future__ import annotations

import asyncio
from pathlib import Path

from recovery.agent.backups.restoring.bringing import Measured
from recovery.agent.config import Config, boot_id
from recovery.agent.disk import private_folder
from recovery.agent.drills.approved import DrillApprovals
from recovery.agent.drills.book import DrillBook
from recovery.agent.drills.keeper import DrillKeeper
from recovery.agent.drills.link import DrillLink
from recovery.agent.drills.thing import Ground
from recovery.agent.engines import engine_for, seats_folder
from recovery.core.consent import Party
from recovery.core.errors import BadConfiguration

PRODUCTIONS = ("identity.json", "desired.json", "journal.jsonl", "witness.json")
"""What only an agent of production has in its state folder."""


def keeper_of(config: Config) -> DrillKeeper:
    """What its own file says of it, and nobody else."""
    _refuse_production(config.state_path)
    state, boot = private_folder(config.state_path), boot_id(config)
    ground = Ground(
        folder=private_folder(state / "drills"),
        seats=seats_folder(config),
        backups=private_folder(state / "databases") / "backups",
        engine=engine_for(config, boot),
        address=config.container_address,
        measured=Measured(),
    )
    approvals = DrillApprovals(
        pins=Path(config.pins) if config.pins else None,
        party=Party(config.party, frozenset(config.origins)),
    )
    return DrillKeeper(ground, DrillBook(state / "drills.json"), approvals, boot)


def _refuse_production(state: Path) -> None:
    """A line in a file must not make an empty book the word on production's containers and data."""
    theirs = [name for name in PRODUCTIONS if (state / name).exists()]
    databases = state / "databases"
    if databases.is_dir():
        found = sorted(path.name for path in databases.iterdir() if path.name != "backups")
        theirs += [f"databases/{name}" for name in found]
    if theirs:
        raise BadConfiguration(
            f"{state} is the state folder of an agent of production: it has {theirs[0]}",
            field="realm",
            kept="Nothing was touched.",
            todo='Give a host for drills a folder of its own, or take realm = "drill" away.',
        )


async def serve_drills(config: Config) -> None:
    """Until cancelled. Databases end with it; containers stay, and are found again."""
    keeper = keeper_of(config)
    ca_file = Path(config.ca_file) if config.ca_file else None

    def token() -> str:
        return Path(config.token_file).read_text().strip()

    async with asyncio.TaskGroup() as group:
        group.create_task(keeper.run(), name="drills")
        for url in config.control:
            link = DrillLink(url, keeper, token, ca_file)
            group.create_task(link.run(), name=url)
