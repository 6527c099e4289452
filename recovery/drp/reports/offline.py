"""Checks the report of a recovery with nothing but Python 3.8 and public keys.

    python3 verify_report.py report.json --key KEY [--log KEY] [--signature report.sig]

Needs verify.py beside it (both lie in the evidence's zip file). `--key`: the key that signs
reports; `--log`: the audit log's. Take both from where you keep them, not from the zip. It says who
signed the file, and which entries of the sealed log in it are proven. Ends with 0 where the
signature is right and each proof leads to a signed root, else with 1; without `--log` proofs are
not looked at.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from typing import Any, Dict, List, Sequence  # noqa: UP035

try:
    import verify as log  # type: ignore[import-not-found] # as the zip file names it
except ImportError:
    from recovery.audit import offline as log


def root_of(leaf: bytes, index: int, size: int, hashes: Sequence[bytes]) -> bytes:
    """RFC 6962: the root that this way leads to. Raises `log.Wrong` where it leads nowhere."""
    if not 0 <= index < size:
        raise log.Wrong("the leaf is not in that tree")
    found, at, last, rest = leaf, index, size - 1, list(hashes)
    while last:
        if at & 1 or at == last:
            while not at & 1:
                at, last = at >> 1, last >> 1
            if not rest:
                raise log.Wrong("the way to the root is too short")
            found = log.node_hash(rest.pop(0), found)
        else:
            if not rest:
                raise log.Wrong("the way to the root is too short")
            found = log.node_hash(found, rest.pop(0))
        at, last = at >> 1, last >> 1
    if rest:
        raise log.Wrong("the way to the root is too long")
    return found


def signer(raw: bytes, line: str, keys: Sequence[log.Key]) -> str:
    """The name of the key whose signature over these bytes this line is."""
    parts = line.strip().split(" ")
    if len(parts) != 3 or parts[0] != "\u2014":
        raise log.Wrong("this is no line of a signature")
    packed = base64.b64decode(parts[2], validate=True)
    for name, key_id, kind, public in keys:
        if (name, key_id) != (parts[1], packed[:4]) or kind != 1:
            continue
        if log.verify_signature(public, packed[4:], raw):
            return str(name)
        raise log.Wrong(f"{name} did not sign these bytes: the file or its signature was altered")
    raise log.Wrong(f"it says that {parts[1]} signed it, and that key was not given")


def prove(report: Dict[str, Any], keys: Sequence[log.Key]) -> int:  # noqa: UP006
    """How many entries of the sealed log are proven by the file."""
    found = report["log"]
    if found["end"] is None:
        return 0
    size, root = log.read_checkpoint(found["end"]["note"], keys)[:2]
    for one in found["proofs"]:
        hashes = [base64.b64decode(each) for each in one["hashes"]]
        leaf = log.leaf_hash(one["line"].encode())
        if root_of(leaf, one["leaf"], size, hashes) != root:
            raise log.Wrong(f"entry {one['entry']} is not what the log sealed")
        if json.loads(one["line"])["id"] != one["entry"]:
            raise log.Wrong(f"entry {one['entry']} is another one")
    return len(found["proofs"])


def main(words: List[str]) -> int:  # noqa: UP006
    parser = argparse.ArgumentParser(description="Check the report of a recovery.")
    parser.add_argument("file")
    parser.add_argument("--signature", default="", help="default: beside it, as .sig")
    parser.add_argument("--key", action="append", required=True, help="the key of reports")
    parser.add_argument("--log", action="append", default=[], help="the audit log's public key")
    asked = parser.parse_args(words)
    try:
        with open(asked.file, "rb") as file:  # noqa: PTH123
            raw = file.read()
        beside = asked.file[: -len(".json")] if asked.file.endswith(".json") else asked.file
        with open(asked.signature or f"{beside}.sig", encoding="utf-8") as kept:  # noqa: PTH123
            line = kept.read()
        name = signer(raw, line, [log.read_key(text) for text in asked.key])
        report = json.loads(raw)
        proven = prove(report, [log.read_key(text) for text in asked.log]) if asked.log else None
    except (log.Wrong, OSError, ValueError, KeyError, TypeError, IndexError) as error:
        print(f"WRONG: {error}.")
        return 1
    run = report["run"]
    print(f"Signed by {name}: {run['name']} ({run['mode']}), report {report['version']}.")
    if proven is None:
        print("Its entries of the sealed log were not looked at: no --log KEY.")
    else:
        print(f"{proven} entries in it are in the sealed log, under a signed root.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
