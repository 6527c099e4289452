"""A provider that speaks the EC2 API (3DS Outscale and others), through boto3.

Invariant beyond the port's: boto3 itself repeats nothing, so a call that was not answered is looked
for by its tags before it is made again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache
from typing import Any, TypeVar

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError

from recovery.adapters.backups.refusals import told
from recovery.core.ports import StoreAway, StoreRefused
from recovery.core.ports.snapshots import Snapshot, Tags, Volume

T = TypeVar("T")
_TURN = threading.Lock()
"""A session makes one client at a time."""
_STATES = {"pending": "pending", "completed": "completed"}
_GONE = {"InvalidSnapshot.NotFound", "InvalidVolume.NotFound"}
_DENIED = {
    "AuthFailure",
    "UnauthorizedOperation",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
    "OptInRequired",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Where one site's API is, and who we are there."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)


class Ec2Provider:
    """`patience`: seconds without an answer until it is away."""

    def __init__(self, name: str, account: Account, *, patience: float = 10.0) -> None:
        self.name, self.site = name, account.region
        self._account, self._patience = account, patience

    def volume_of(self, host: str) -> str:
        wanted = [{"Name": "tag:Name", "Values": [host]}]
        found = self._do(lambda ec2: ec2.describe_volumes(Filters=wanted))["Volumes"]
        ids = sorted(each["VolumeId"] for each in found if not each.get("SnapshotId"))
        if not ids:
            raise StoreRefused(
                f"{self.name}: no volume of {self.site} bears the name {host}.",
                field="volume",
                todo=f"Tag the volume of its backups: Name={host}.",
            )
        return str(ids[0])

    def create(self, volume: str, tags: Tags) -> Snapshot:
        return _snapshot(
            self._do(
                lambda ec2: ec2.create_snapshot(
                    VolumeId=volume, TagSpecifications=_tagged("snapshot", tags)
                )
            )
        )

    def copy(self, site: str, snapshot: str, tags: Tags) -> Snapshot:
        made = self._do(
            lambda ec2: ec2.copy_snapshot(
                SourceRegion=site,
                SourceSnapshotId=snapshot,
                TagSpecifications=_tagged("snapshot", tags),
            )
        )
        ids = [made["SnapshotId"]]
        found = self._do(lambda ec2: ec2.describe_snapshots(SnapshotIds=ids))["Snapshots"]
        return _snapshot(found[0])

    def find(self, tags: Tags) -> list[Snapshot]:
        wanted = [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags.items()]
        found = self._do(lambda ec2: ec2.describe_snapshots(Filters=wanted, OwnerIds=["self"]))[
            "Snapshots"
        ]
        return sorted(map(_snapshot, found), key=lambda one: (one.begun, one.id), reverse=True)

    def delete(self, snapshot: str) -> None:
        self._do(lambda ec2: _unless_gone(lambda: ec2.delete_snapshot(SnapshotId=snapshot)))

    def volumes(self, snapshot: str) -> list[Volume]:
        return self._volumes([{"Name": "snapshot-id", "Values": [snapshot]}])

    def made(self, tags: Tags) -> list[Volume]:
        return self._volumes(
            [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags.items()]
        )

    def _volumes(self, wanted: list[dict[str, Any]]) -> list[Volume]:
        found = self._do(lambda ec2: ec2.describe_volumes(Filters=wanted))["Volumes"]
        return [_volume(each) for each in sorted(found, key=lambda each: str(each["VolumeId"]))]

    def create_volume(self, snapshot: str, tags: Tags) -> Volume:
        zones = self._do(lambda ec2: ec2.describe_availability_zones())["AvailabilityZones"]
        made = self._do(
            lambda ec2: ec2.create_volume(
                SnapshotId=snapshot,
                AvailabilityZone=zones[0]["ZoneName"],
                TagSpecifications=_tagged("volume", tags),
            )
        )
        return _volume(made)

    def delete_volume(self, volume: str) -> None:
        self._do(lambda ec2: _unless_gone(lambda: ec2.delete_volume(VolumeId=volume)))

    def _do(self, act: Callable[[Any], T]) -> T:
        try:
            return act(_client(self._account, self._patience))
        except (ClientError, BotoCoreError, OSError, ValueError) as error:
            raise self._told(error) from error

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, ClientError):
            said = error.response.get("Error", {})
            code, words = str(said.get("Code", "")), str(said.get("Message") or "")
            if code in _DENIED:
                return StoreRefused(
                    f"{self.name}: the provider does not take these credentials ({code}).",
                    field="credentials",
                )
            return StoreAway(f"{self.name}: the provider says {code}: {words}".rstrip(": ") + ".")
        return told(error, self.name, "", self._patience)


@cache
def _client(account: Account, patience: float) -> Any:
    """Once for each: what has to be read of EC2 is large."""
    with _TURN:
        return _made(account, patience)


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()


def _made(account: Account, patience: float) -> Any:
    return _session().client(
        "ec2",
        endpoint_url=account.endpoint or None,
        region_name=account.region,
        aws_access_key_id=account.access_key,
        aws_secret_access_key=account.secret_key,
        config=botocore.config.Config(
            connect_timeout=min(5.0, patience),
            read_timeout=patience,
            retries={"total_max_attempts": 1},
        ),
    )


def _unless_gone(act: Callable[[], object]) -> None:
    try:
        act()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _GONE:
            raise


def _tagged(kind: str, tags: Tags) -> list[dict[str, Any]]:
    each = [{"Key": name, "Value": value} for name, value in tags.items()]
    return [{"ResourceType": kind, "Tags": each}]


def _snapshot(told: dict[str, Any]) -> Snapshot:
    state = _STATES.get(told["State"], "error")
    assert state in ("pending", "completed", "error")
    return Snapshot(
        id=told["SnapshotId"],
        state=state,  # type: ignore[arg-type]
        begun=told["StartTime"].astimezone(UTC),
        percent=int(str(told.get("Progress") or "0").rstrip("%") or 0),
        tags={tag["Key"]: tag["Value"] for tag in told.get("Tags", ())},
    )


def _volume(told: dict[str, Any]) -> Volume:
    return Volume(
        id=told["VolumeId"],
        snapshot=str(told.get("SnapshotId") or ""),
        is_ready=told["State"] in ("available", "in-use"),
        tags={tag["Key"]: tag["Value"] for tag in told.get("Tags", ())},
        is_broken=told["State"] == "error",
    )
