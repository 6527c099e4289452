"""A bucket of an S3-compatible service as an object store, through boto3 in threads.

Invariants beyond the port's: an upload carries its MD5, so that what the service keeps is what was
sent; boto3 itself repeats nothing (whoever calls decides when to try again); where the bucket has
object lock, what was put with `lock_until` cannot be removed before, by nobody with these keys.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError

from recovery.adapters.backups.naming import checked
from recovery.adapters.backups.paced import Paced, read_all
from recovery.adapters.backups.refusals import is_denied, told
from recovery.adapters.backups.threads import in_thread
from recovery.core.ports import NoSuchObject, ObjectInfo, StoreAway, StoreRefused

T = TypeVar("T")
Infos = list[ObjectInfo]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where it is and who we are there."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


class S3Store:
    """`patience`: seconds without a byte until it is away; ten times as many for a whole act,
    however its bytes trickle. `threads`: transfers at once."""

    def __init__(
        self, name: str, bucket: Bucket, *, patience: float = 20.0, threads: int = 8
    ) -> None:
        self.name, self._bucket, self._patience = name, bucket, patience
        self._turns = asyncio.Semaphore(threads)
        self._threads_count = threads
        self._locks: bool | None = None

    async def put(self, name: str, data: bytes, *, lock_until: datetime | None = None) -> None:
        key = checked(name)
        await self._do(lambda client: self._put(client, key, data, lock_until))

    async def get(self, name: str) -> bytes:
        key = checked(name)
        return await self._do(lambda client: self._get(client, key))

    async def list(self, prefix: str = "") -> Infos:
        return await self._do(lambda client: self._list(client, prefix))

    async def delete(self, name: str) -> None:
        key = checked(name)
        await self._do(lambda client: self._delete(client, key))

    def describe(self) -> str:
        return f"bucket {self._bucket.bucket} at {self._bucket.endpoint}"

    async def close(self) -> None:
        """Does not wait for transfers that hang; they end by their own timeouts."""

    async def _do(self, act: Callable[[Any], T]) -> T:
        try:
            async with self._turns, asyncio.timeout(10 * self._patience):
                return await in_thread(lambda: self._asked(act), f"s3-{self.name}")
        except TimeoutError as error:
            raise StoreAway(
                f"{self.name}: no answer in {10 * self._patience:.0f} s: it hangs or is too slow."
            ) from error

    def _asked(self, act: Callable[[Any], T]) -> T:
        try:
            return act(self._connected())
        except (ClientError, BotoCoreError, OSError, ValueError) as error:
            said = self._why(error)
            raise told(said, self.name, self._bucket.bucket, self._patience) from error

    def _why(self, error: Exception) -> Exception:
        """Some services deny an upload to a bucket that does not exist instead of saying so."""
        if is_denied(error):
            try:
                self._connected().list_objects_v2(Bucket=self._bucket.bucket, MaxKeys=1)
            except (ClientError, BotoCoreError) as better:
                error = better
        return error

    def _connected(self) -> Any:
        return _client(self._bucket, self._patience, self._threads_count)

    # ------------------------------------------------------------------ in a thread

    def _put(self, client: Any, key: str, data: bytes, lock_until: datetime | None) -> None:
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        more: dict[str, Any] = {}
        if lock_until and self._has_locks(client):
            more = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": lock_until}
        client.put_object(
            Bucket=self._bucket.bucket,
            Key=key,
            Body=Paced(data, 10 * self._patience),
            ContentMD5=base64.b64encode(digest).decode(),
            **more,
        )

    def _has_locks(self, client: Any) -> bool:
        if self._locks is None:
            try:
                found = client.get_object_lock_configuration(Bucket=self._bucket.bucket)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (400, 404, 501):
                    raise
                found = {}
            state = found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled")
            self._locks = state == "Enabled"
        return self._locks

    def _get(self, client: Any, key: str) -> bytes:
        try:
            answer = client.get_object(Bucket=self._bucket.bucket, Key=key)
        except client.exceptions.NoSuchKey as error:
            raise NoSuchObject(f"{self.name} has no {key}.") from error
        return read_all(answer["Body"], 10 * self._patience)

    def _list(self, client: Any, prefix: str) -> Infos:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket.bucket, Prefix=prefix
        )
        return sorted(
            ObjectInfo(each["Key"], each["Size"], each["LastModified"].astimezone(UTC))
            for page in pages
            for each in page.get("Contents", ())
        )

    def _delete(self, client: Any, key: str) -> None:
        """With object lock a bucket has versions: a marker alone would free nothing."""
        if not self._has_locks(client):
            client.delete_object(Bucket=self._bucket.bucket, Key=key)
            return
        found = client.list_object_versions(Bucket=self._bucket.bucket, Prefix=key)
        for each in [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]:
            if each["Key"] == key:
                self._delete_version(client, key, each["VersionId"])

    def _delete_version(self, client: Any, key: str, version: str) -> None:
        try:
            client.delete_object(Bucket=self._bucket.bucket, Key=key, VersionId=version)
        except ClientError as error:
            if not is_denied(error):
                raise
            raise StoreRefused(
                f"{self.name}: {key} is locked and cannot be removed yet.", field="lock"
            ) from error


@lru_cache(maxsize=32)
def _client(bucket: Bucket, patience: float, threads: int) -> Any:
    """One for all that ask alike: to make one costs more than many a question."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        config=botocore.config.Config(
            connect_timeout=min(5.0, patience),
            read_timeout=patience,
            retries={"total_max_attempts": 1},
            max_pool_connections=threads,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        ),
    )
