"""Checks an export of Tocsin's audit log with nothing but Python 3.8 and public keys.

    python3 verify.py BUNDLE.zip --log KEY [--witness KEY …] [--need N] [--seen CHECKPOINT …]

This file stands alone (standard library only) and shares no line with Tocsin, so that an
error there cannot hide itself here. It recomputes every entry's hash (RFC 6962), every root
that the log signed (c2sp.org/tlog-checkpoint), every signature and cosignature, and names the
first entry that is not what was sealed. `--seen`: a checkpoint that somebody kept elsewhere
(a host, an archive, a letter): a log that was cut or rewritten since disagrees with it.
Keys must come from elsewhere than the bundle. Ends with 0 when all is proven, 1 when anything is
wrong, 64 when BUNDLE is no file, else 2: the last are under no checkpoint (`--need N`: N signed).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
import zipfile
from typing import Any, Callable, Dict, Sequence, Tuple  # noqa: UP035

Point = Tuple[int, int, int, int]  # noqa: UP006
Key = Tuple[str, bytes, int, bytes]  # noqa: UP006
Line = Tuple[str, bytes, bytes]  # noqa: UP006
Bundle = Dict[str, Any]  # noqa: UP006


class Wrong(Exception):
    """What cannot be read or does not verify."""


# --------------------------------------------------------------- Ed25519 (RFC 8032), verifying

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def _decompress(raw: bytes) -> Point:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        raise Wrong("no point of the curve")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        raise Wrong("no point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _add(a: Point, b: Point) -> Point:
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def _times(n: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = _add(total, point)
        point, n = _add(point, point), n >> 1
    return total


BASE = _decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def slow_verify(public: bytes, signature: bytes, signed: bytes) -> bool:
    """Whether the signature is this key's over these bytes; pure Python."""
    if len(public) != 32 or len(signature) != 64:
        return False
    try:
        key, r = _decompress(public), _decompress(signature[:32])
    except Wrong:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= Q:
        return False
    digest = hashlib.sha512(signature[:32] + public + signed).digest()
    left = _times(s, BASE)
    right = _add(r, _times(int.from_bytes(digest, "little") % Q, key))
    return not (
        (left[0] * right[2] - right[0] * left[2]) % P
        or (left[1] * right[2] - right[1] * left[2]) % P
    )


def _verifier() -> Callable[[bytes, bytes, bytes], bool]:
    """The `cryptography` package's, thirty times faster, where it is installed."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError:
        return slow_verify

    def verify(public: bytes, signature: bytes, signed: bytes) -> bool:
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify


verify_signature = _verifier()

# --------------------------------------------------------------- keys, notes, checkpoints


def read_key(text: str) -> Key:
    """(name, id, kind, 32 bytes) of `name+id+base64`; kind 1 a log, 4 a witness."""
    parts = text.strip().split("+", 2)
    try:
        packed = base64.b64decode(parts[2], validate=True)
        kind, public = packed[0], packed[1:]
    except (IndexError, ValueError) as error:
        raise Wrong(f"{text[:80]!r} is no public key") from error
    found = hashlib.sha256(parts[0].encode() + b"\n" + packed).digest()[:4]
    if found.hex() != parts[1] or kind not in (1, 4) or len(public) != 32:
        raise Wrong(f"{text[:80]!r} is no public key")
    return parts[0], found, kind, public


def read_note(note: str) -> tuple[str, list[Line]]:
    """(text, [(name, id, signature)]) of a signed note."""
    text, blank, lines = note.rpartition("\n\n")
    signatures = []
    for line in lines.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, packed = rest.partition(" ")
        try:
            raw = base64.b64decode(packed, validate=True)
        except ValueError as error:
            raise Wrong("a line of signature is damaged") from error
        if dash != "\u2014" or len(raw) < 5:
            raise Wrong("a line of signature is damaged")
        signatures.append((name, raw[:4], raw[4:]))
    if not blank or not signatures:
        raise Wrong("not a signed note")
    return text + "\n", signatures


def read_checkpoint(note: str, logs: Sequence[Key]) -> tuple[int, bytes, str, list[Line]]:
    """(size, root, text, signatures) of a checkpoint that one of these logs' keys signed."""
    text, signatures = read_note(note)
    lines = text.split("\n")
    try:
        size, root = int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError) as error:
        raise Wrong("not a checkpoint") from error
    signed = False
    for name, id_, signature in signatures:
        for key in logs:
            if key[:2] == (name, id_) and key[2] == 1 and lines[0] == name:
                if not verify_signature(key[3], signature, text.encode()):
                    raise Wrong(f"the log's signature under {size} leaves does not verify")
                signed = True
    if not signed:
        raise Wrong(f"the checkpoint of {size} leaves is not signed by the log")
    return size, root, text, signatures


def cosigners(text: str, signatures: Sequence[Line], witnesses: Sequence[Key]) -> set[str]:
    """Names of the witnesses whose cosignature verifies; `Wrong` when one does not."""
    found: set[str] = set()
    for name, id_, signature in signatures:
        for key in witnesses:
            if key[:2] != (name, id_) or key[2] != 4:
                continue
            seconds = int.from_bytes(signature[:8], "big")
            signed = f"cosignature/v1\ntime {seconds}\n{text}"
            if not verify_signature(key[3], signature[8:], signed.encode()):
                raise Wrong(f"the cosignature of {name} does not verify")
            found.add(name)
    return found


# --------------------------------------------------------------- the tree


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Edge:
    """The right edge of a growing tree."""

    def __init__(self, size: int, hashes: Sequence[bytes]) -> None:
        if bin(size).count("1") != len(hashes):
            raise Wrong("the bundle's beginning is not that of a tree")
        self.size, self.hashes = size, list(hashes)

    def grow(self, leaf: bytes) -> None:
        at = self.size
        while at & 1:
            leaf, at = node_hash(self.hashes.pop(), leaf), at >> 1
        self.hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return hashlib.sha256(b"").digest()
        found = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            found = node_hash(left, found)
        return found


class Report:
    """What was found. `first_wrong`: the first entry that is not what was sealed, or None."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.first_wrong: int | None = None
        self.proven = 0
        self.after = 0
        self.witnesses: dict[str, int] = {}

    @property
    def ok(self) -> bool:
        return not self.problems

    def vouched(self, need: int) -> int:
        return min(self.proven, self.cosigned(need)) if need else self.proven

    def cosigned(self, need: int) -> int:
        """How many leaves at least so many witnesses have seen and vouch for."""
        sizes = sorted(self.witnesses.values(), reverse=True)
        return sizes[need - 1] if 0 < need <= len(sizes) else 0

    def add(self, said: str, index: int | None = None) -> None:
        self.problems.append(said)
        if index is not None and (self.first_wrong is None or index < self.first_wrong):
            self.first_wrong = index


def check(
    bundle: Bundle,
    logs: Sequence[Key],
    witnesses: Sequence[Key] = (),
    need: int = 0,
    seen: Sequence[str] = (),
) -> Report:
    """The report over a bundle: a mapping of `bundle.json`'s fields, with `entries` (lines of
    bytes), `leaves` (hashes, to locate with) and `checkpoints` (notes)."""
    report = Report()
    signed: dict[int, bytes] = {}
    first, entries = bundle["first"], bundle["entries"]
    for note in bundle["checkpoints"]:
        _take(note, logs, witnesses, signed, report)
    for note in seen:
        size = _take(note, logs, witnesses, signed, report)
        if 0 < size < first:
            report.add(f"the checkpoint of {size} leaves kept elsewhere is of before this bundle")
    if not signed:
        report.add("there is no checkpoint that the log signed", first)
        return report
    edge = Edge(first, bundle["frontier"])
    good, wanted = (edge.size, tuple(edge.hashes)), sorted(n for n in signed if n >= first)
    at = 0
    for size in wanted:
        while at < len(entries) and first + at < size:
            edge.grow(leaf_hash(entries[at]))
            at += 1
        if edge.size == size and edge.root() == signed[size]:
            good = (size, tuple(edge.hashes))
            continue
        _locate(bundle, good, size, signed[size], report)
        return report
    report.proven, report.after = good[0], first + len(entries) - good[0]
    if need > len(report.witnesses):
        report.add(f"{len(report.witnesses)} of {need} witnesses have cosigned a checkpoint")
    elif entries and report.vouched(need) <= first:
        report.add("none of these entries is under such a checkpoint: nothing is proven", first)
    return report


def _take(
    note: str,
    logs: Sequence[Key],
    witnesses: Sequence[Key],
    signed: dict[int, bytes],
    report: Report,
) -> int:
    """Note what this checkpoint says, and who has cosigned it; its size, or 0."""
    try:
        size, root, text, signatures = read_checkpoint(note, logs)
        names = cosigners(text, signatures, witnesses)
    except Wrong as error:
        report.add(str(error))
        return 0
    if signed.setdefault(size, root) != root:
        report.add(f"the log has signed two roots of {size} leaves: it was forked", size - 1)
    for name in names:
        report.witnesses[name] = max(size, report.witnesses.get(name, 0))
    return size


def _locate(
    bundle: Bundle, good: tuple[int, Sequence[bytes]], size: int, root: bytes, report: Report
) -> None:
    """The first entry between the last root that agreed and the first that did not."""
    first, entries, leaves = bundle["first"], bundle["entries"], bundle["leaves"]
    low = good[0]
    listed = leaves[low - first : size - first]
    edge = Edge(low, good[1])
    for leaf in listed:
        edge.grow(leaf)
    is_exact = edge.size == size and edge.root() == root
    for index in range(low, size):
        at = index - first
        if at >= len(entries):
            report.add(f"entries are missing from leaf {index} on: {size} were sealed", index)
            return
        other = at < len(leaves) and leaf_hash(entries[at]) != leaves[at]
        if other if is_exact else (other or _says(entries[at]) != index):
            more = f", or one up to leaf {size - 1}: the list of hashes was altered too"
            report.add(f"entry {index} is not what was sealed{'' if is_exact else more}", index)
            return
    report.add(f"the entries from leaf {low} to leaf {size - 1} are not those sealed", low)


def _says(line: bytes) -> Any:
    try:
        return json.loads(line)["index"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def read_bundle(path: str) -> Bundle:
    """The bundle of a zip file, as `check` takes it."""
    with zipfile.ZipFile(path) as archive:
        bundle: Bundle = json.loads(archive.read("bundle.json"))
        lines = archive.read("entries.jsonl").split(b"\n")
        bundle["entries"] = lines[:-1] if lines and not lines[-1] else lines
        raw = archive.read("leaves.bin")
        bundle["leaves"] = [raw[at : at + 32] for at in range(0, len(raw), 32)]
        bundle["checkpoints"] = json.loads(archive.read("checkpoints.json"))
    bundle["frontier"] = [bytes.fromhex(one) for one in bundle["frontier"]]
    return bundle


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Check an export of Tocsin's audit log.")
    parser.add_argument("bundle")
    parser.add_argument("--log", action="append", default=[], help="the log's public key")
    parser.add_argument("--witness", action="append", default=[], help="a witness's public key")
    parser.add_argument("--need", type=int, default=0, help="how many witnesses must have cosigned")
    parser.add_argument("--seen", action="append", default=[], help="a checkpoint kept elsewhere")
    asked = parser.parse_args(words)
    try:
        bundle = read_bundle(asked.bundle)
        if not asked.log:
            print("No --log KEY: the bundle's own keys prove nothing against who made it.")
        logs = [read_key(text) for text in asked.log or bundle["log_keys"]]
        witnesses = [read_key(text) for text in asked.witness or bundle["witness_keys"]]
        seen = []
        for name in asked.seen:
            with open(name, encoding="utf-8") as kept:  # noqa: PTH123
                seen.append(kept.read())
        report = check(bundle, logs, witnesses, asked.need, seen)
    except (FileNotFoundError, IsADirectoryError) as error:
        parser.exit(64, f"{error.filename} is no file: give the zip file itself, not unpacked\n")
    except (Wrong, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        print(f"WRONG: this cannot be checked: {error}")
        return 1
    for said in report.problems:
        print(f"WRONG: {said}")
    return _tell(report, bundle["first"], len(bundle["entries"]), asked.need) if report.ok else 1


def _tell(report: Report, first: int, count: int, need: int) -> int:
    vouched, names = report.vouched(need), sorted(report.witnesses.items())
    unproven = first + count - vouched
    print(f"All from leaf {first} to leaf {report.proven - 1} is as the log sealed and signed it.")
    print(f"{report.cosigned(need or 1)} leaves are cosigned by {need or 1} or more witnesses:")
    print(", ".join(f"{name} {size}" for name, size in names) or "none")
    if unproven:
        print(f"NOT PROVEN: the last {unproven}, from leaf {vouched} on, are under no checkpoint.")
    return 2 if unproven else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
