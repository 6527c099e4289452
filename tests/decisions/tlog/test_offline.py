"""The one-file verifier: whatever a superuser does to sealed entries is found, and where."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recovery.audit import offline
from recovery.audit.leaves import leaf_data
from recovery.core.tlog.notes import VerifierKey
from recovery.core.tlog.tree import leaf_hash
from tests.decisions.tlog.worlds import (
    KEY,
    LOGS,
    WITNESS_KEY,
    WITNESSES,
    Log,
    make_log,
    note_of,
    row,
)

Bundle = dict[str, Any]


def flip(random: Random, bundle: Bundle, at: int) -> int:
    line = bytearray(bundle["entries"][at])
    line[random.randrange(len(line))] ^= 1 << random.randrange(8)
    bundle["entries"][at] = bytes(line)
    return at


def remove(random: Random, bundle: Bundle, at: int) -> int:
    del bundle["entries"][at]
    return at


def reorder(random: Random, bundle: Bundle, at: int) -> int:
    entries = bundle["entries"]
    other = random.choice([i for i in range(len(entries)) if i != at])
    entries[at], entries[other] = entries[other], entries[at]
    return min(at, other)


def insert(random: Random, bundle: Bundle, at: int) -> int:
    entries = bundle["entries"]
    entries.insert(at, entries[at].replace(b"No ", b"So "))
    return at


def rewrite_tail(random: Random, bundle: Bundle, at: int) -> int:
    entries = bundle["entries"]
    entries[at:] = [line.replace(b"lost", b"fine") for line in entries[at:]]
    return at


def cut(random: Random, bundle: Bundle, at: int) -> int:
    del bundle["entries"][at:]
    return at


TAMPERS = (flip, remove, reorder, insert, rewrite_tail, cut)


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda t: t.__name__)
def test_every_random_tamper_is_found_and_the_first_wrong_entry_named(tamper: Any) -> None:
    random = Random(tamper.__name__)
    for _ in range(40):
        log = make_log(random, random.randint(2, 60))
        assert offline.check(log.bundle(), LOGS, WITNESSES, need=1).ok
        for _ in range(12):
            bundle = log.bundle()
            at = random.randrange(len(log.entries))
            wrong = tamper(random, bundle, at)
            report = offline.check(bundle, LOGS, WITNESSES)
            assert not report.ok
            assert report.first_wrong == wrong


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda t: t.__name__)
def test_who_alters_the_list_of_hashes_too_is_found_between_two_checkpoints(tamper: Any) -> None:
    random = Random(tamper.__name__)
    for _ in range(150):
        log = make_log(random, random.randint(2, 60))
        bundle = log.bundle()
        wrong = tamper(random, bundle, random.randrange(len(log.entries)))
        bundle["leaves"] = [leaf_hash(line) for line in bundle["entries"]]
        report = offline.check(bundle, LOGS, WITNESSES)
        after = min(size for size in log.sizes if size > wrong)
        before = max((size for size in log.sizes if size <= wrong), default=0)
        assert not report.ok
        assert report.first_wrong is not None
        assert before <= report.first_wrong < after


def test_who_has_the_logs_key_too_is_found_by_what_a_witness_kept() -> None:
    random = Random(7)
    for _ in range(60):
        log = make_log(random, random.randint(3, 60))
        kept = random.choice(log.checkpoints)
        at = random.randrange(int(kept.split("\n")[1]))
        entries = list(log.entries)
        entries[at] = entries[at].replace(b"lost", b"fine")
        forged = Log(entries, log.sizes)
        assert offline.check(forged.bundle(), LOGS).ok
        report = offline.check(forged.bundle(), LOGS, seen=[kept])
        assert not report.ok


def test_a_log_cut_back_to_an_earlier_checkpoint_is_found_by_what_a_witness_kept() -> None:
    log = make_log(Random(3), 50)
    shorter = Log(log.entries[:30], [10, 30])
    assert offline.check(shorter.bundle(), LOGS, WITNESSES, need=1).ok
    report = offline.check(shorter.bundle(), LOGS, WITNESSES, seen=[log.checkpoints[-1]])
    assert report.problems == ["entries are missing from leaf 30 on: 50 were sealed"]
    assert report.first_wrong == 30


def test_a_bundle_that_begins_later_is_checked_from_there() -> None:
    log = make_log(Random(5), 40)
    bundle = log.bundle(first=23)
    report = offline.check(bundle, LOGS, WITNESSES, need=1)
    assert (report.ok, report.proven) == (True, 40)
    flip(Random(1), bundle, 4)
    assert offline.check(bundle, LOGS).first_wrong == 27


def test_entries_after_the_newest_checkpoint_are_counted_and_not_vouched_for() -> None:
    log = make_log(Random(5), 40)
    bundle = Log(log.entries, [30]).bundle()
    report = offline.check(bundle, LOGS)
    assert (report.ok, report.proven, report.after) == (True, 30, 10)


def test_entries_under_no_checkpoint_at_all_are_wrong() -> None:
    log = make_log(Random(5), 40)
    bundle = Log(log.entries, [10]).bundle(first=20)
    assert "nothing is proven" in offline.check(bundle, LOGS).problems[0]
    late = Log(log.entries, [10, 40]).bundle(first=20)
    late["checkpoints"][1] = note_of(log.leaves)
    assert offline.check(late, LOGS, WITNESSES).ok
    report = offline.check(late, LOGS, WITNESSES, need=1)
    assert "nothing is proven" in report.problems[0], "the witness has seen what was before alone"


def test_a_kept_checkpoint_of_before_the_bundle_is_not_passed_over() -> None:
    log = make_log(Random(5), 40)
    kept = note_of(log.leaves[:10])
    assert offline.check(log.bundle(), LOGS, seen=[kept]).ok
    report = offline.check(log.bundle(first=20), LOGS, seen=[kept])
    assert "10 leaves kept elsewhere is of before this bundle" in report.problems[0]


def test_it_ends_with_0_only_where_every_entry_is_proven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = make_log(Random(5), 40)
    path = tmp_path / "b.zip"
    keys = ["--log", str(KEY.verifier), "--witness", str(WITNESS_KEY)]
    zipped(path, Log(log.entries, [40]).bundle())
    assert offline.main([str(path), *keys, "--need", "1"]) == 0
    zipped(path, Log(log.entries, [30]).bundle())
    capsys.readouterr()
    assert offline.main([str(path), *keys]) == 2
    assert "NOT PROVEN: the last 10, from leaf 30 on" in capsys.readouterr().out
    bundle = Log(log.entries, [30, 40]).bundle()
    bundle["checkpoints"][1] = note_of(log.leaves)
    zipped(path, bundle)
    assert offline.main([str(path), *keys]) == 0
    assert offline.main([str(path), *keys, "--need", "1"]) == 2
    flip(Random(1), bundle, 4)
    zipped(path, bundle)
    assert offline.main([str(path), *keys]) == 1


def zipped(path: Path, bundle: Bundle) -> None:
    about = {"first": bundle["first"], "frontier": [one.hex() for one in bundle["frontier"]]}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bundle.json", json.dumps(about))
        archive.writestr("entries.jsonl", b"".join(line + b"\n" for line in bundle["entries"]))
        archive.writestr("leaves.bin", b"".join(bundle["leaves"]))
        archive.writestr("checkpoints.json", json.dumps(bundle["checkpoints"]))


def test_a_forged_signature_or_missing_witness_is_said() -> None:
    log = make_log(Random(5), 40)
    stranger = offline.read_key(str(VerifierKey(KEY.name, b"p" * 32)))
    assert offline.check(log.bundle(), [stranger]).first_wrong == 0
    bare = log.bundle() | {"checkpoints": [note_of(log.leaves)]}
    assert "0 of 1 witnesses" in offline.check(bare, LOGS, WITNESSES, need=1).problems[0]
    forged = log.bundle()
    forged["checkpoints"][-1] = forged["checkpoints"][-1][:-20] + "A" * 18 + "==\n"
    assert not offline.check(forged, LOGS, WITNESSES).ok


def test_a_body_nested_too_deep_for_any_reader_is_sealed_as_its_text() -> None:
    deep = '{"a": "[{", "b": ' + "[" * 50_000 + "]" * 50_000 + "}"
    line = json.loads(leaf_data(4, replace(row(4), body=deep)))
    assert (line["body"], line["v"]) == (deep, 2)
    wide = json.dumps({"a": ['"[{\\' * 60] * 200, "b": [[]] * 300})
    line = json.loads(leaf_data(4, replace(row(4), body=wide)))
    assert (line["body"], line["v"]) == (json.loads(wide), 1)


def test_its_own_ed25519_agrees_with_the_library() -> None:
    random = Random(11)
    for _ in range(12):
        key = Ed25519PrivateKey.from_private_bytes(random.randbytes(32))
        public, text = key.public_key().public_bytes_raw(), random.randbytes(40)
        signature = key.sign(text)
        assert offline.slow_verify(public, signature, text)
        assert not offline.slow_verify(public, signature, text + b"x")
        broken = bytearray(signature)
        broken[random.randrange(64)] ^= 1
        assert not offline.slow_verify(public, bytes(broken), text)
    # a signature with s + the group's order is another text for the same: refused (RFC 8032)
    s = int.from_bytes(signature[32:], "little") + offline.Q
    assert not offline.slow_verify(public, signature[:32] + s.to_bytes(32, "little"), text)


def test_it_runs_alone_with_nothing_installed(tmp_path: Path) -> None:
    alone = tmp_path / "verify.py"
    alone.write_text(Path(offline.__file__).read_text())
    (tmp_path / "rubbish.zip").write_bytes(b"PK rubbish")
    for given, code, says in (
        ("rubbish.zip", 1, "WRONG: this cannot be checked"),
        ("missing.zip", 64, "missing.zip is no file: give the zip file"),
        (".", 64, ". is no file: give the zip file itself, not unpacked"),
    ):
        ran = subprocess.run(
            [sys.executable, "-I", "-S", str(alone), given],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        told = ran.stdout + ran.stderr
        assert (ran.returncode, says in told) == (code, True), told
        assert ("WRONG" in told) == (code == 1)
