"""The stores that a database's list names, made with what this host keeps in files.

backups/keys          ID BASE64             the newest first; mode 0600
backups/credentials   ID ACCESS-KEY SECRET  for buckets; mode 0600
backups/spool/        this host's own copy
"""

from __future__ import annotations

from pathlib import Path

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.sealing import Keys, read_keys
from recovery.core.errors import BadConfiguration
from recovery.core.ports import ObjectStore
from recovery.core.wire.backups import StoreSpec


def keys_for(folder: Path, key: str) -> Keys:
    """Those of the key file; `key` seals."""
    found = read_keys(folder / "keys")
    if key not in found.by_id:
        raise BadConfiguration(f"The key file has no key {key!r}.", field="keys")
    return Keys(key, found.by_id)


def store_for(spec: StoreSpec, folder: Path) -> ObjectStore:
    """`folder`: of this host's backups. boto3 is loaded only where there is a bucket."""
    if spec.kind == "folder":
        return DirectoryStore(spec.name, Path(spec.folder))
    from recovery.adapters.backups.s3 import Bucket, S3Store  # noqa: PLC0415

    access, secret = credentials_of(folder / "credentials", spec.credentials)
    bucket = Bucket(spec.endpoint, spec.bucket, access, secret, spec.region)
    return S3Store(spec.name, bucket)


def credentials_of(path: Path, name: str) -> tuple[str, str]:
    """Access key and secret. Nobody else may read the file."""
    try:
        mode, text = path.stat().st_mode, path.read_text()
    except OSError as error:
        raise BadConfiguration(
            f"The file of credentials cannot be read: {error}.", field="credentials"
        ) from error
    if mode & 0o077:
        raise BadConfiguration(
            f"Others may read {path.name}.", field="credentials", todo=f"chmod 600 {path}"
        )
    lines = [line.split() for line in text.splitlines()]
    found = {words[0]: (words[1], words[2]) for words in lines if len(words) == 3}
    if name not in found:
        raise BadConfiguration(
            f"The file of credentials has no line for {name!r}.", field="credentials"
        )
    return found[name]
