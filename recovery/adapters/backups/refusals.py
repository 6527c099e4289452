"""What an S3 service answered, as an error of the port."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    ReadTimeoutError,
)

from recovery.core.ports import StoreAway, StoreError, StoreFull, StoreRefused

_CREDENTIALS = {
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "AuthorizationHeaderMalformed",
    "403",
}
_FULL = {
    "InsufficientStorage",
    "QuotaExceeded",
    "XMinioStorageFull",
    "EntityTooLarge",
    "507",
}
_FULL_WORDS = ("no space left", "no writable volume", "no free volume", "not enough", "disk full")


def told(error: Exception, store: str, bucket: str, patience: float) -> StoreError:
    """`store`: its name for people."""
    if isinstance(error, ClientError):
        return _answered(error, store, bucket)
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return StoreAway(f"{store}: no answer in {patience:.0f} s: it is down, hangs or is slow.")
    if isinstance(error, BotoCoreError):
        return StoreAway(f"{store}: cannot be reached: {_short(error)}.")
    if isinstance(error, ValueError):
        return StoreRefused(f"{store}: {_short(error)}.", field="endpoint")
    return StoreAway(f"{store}: the connection broke: {_short(error)}.")


def is_denied(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"].get("Code") == "AccessDenied"


def _answered(error: ClientError, store: str, bucket: str) -> StoreError:
    said = error.response.get("Error", {})
    code, words = str(said.get("Code", "")), str(said.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchBucket":
        return StoreRefused(
            f"{store}: there is no bucket {bucket}.",
            field="bucket",
            todo="Make it, or name another.",
        )
    if code in _FULL or status == 507 or any(each in words.lower() for each in _FULL_WORDS):
        return StoreFull(
            f"{store}: it has no space for this object ({code}: {words}).",
            kept="What was there is untouched.",
        )
    if code in _CREDENTIALS or status == 403:
        return StoreRefused(
            f"{store}: these credentials may not do that ({code}).",
            field="credentials",
            todo=f"Check the access key and what it may do in {bucket}.",
        )
    if status >= 500 or code in {"SlowDown", "RequestTimeout"}:
        return StoreAway(f"{store}: it failed inside ({code}: {words}); a disk of it may be full.")
    return StoreRefused(f"{store}: {code}: {words}.", field="request")


def _short(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")[:200]
