"""The parts of `make up` that need no start: certificates, logs, settings of the edge, secrets."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_connection, create_server

import pytest

from dashboard.settings import database_from_url
from recovery.core.errors import BadConfiguration, Refused
from recovery.engines import certificates, first, logs
from recovery.engines.checks import check_ports
from recovery.engines.edge import settings as edge
from recovery.engines.programs import ours
from recovery.engines.state import State
from recovery.engines.up import NOT_INHERITED
from recovery.engines.wishes import read_wishes
from tests.needs import needs
from tests.support.own import free_port


def test_the_authority_stays_and_its_leaf_follows_the_name(tmp_path: Path) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - OpenSSL looks at the wall clock too
    certificates.ensure_certificates(tmp_path, "tocsin.example", now)
    first, leaf = certificates.fingerprint(tmp_path), (tmp_path / "leaf.crt").read_bytes()
    certificates.ensure_certificates(tmp_path, "tocsin.example", now)
    assert (tmp_path / "leaf.crt").read_bytes() == leaf
    certificates.ensure_certificates(tmp_path, "192.0.2.7", now)
    renewed = (tmp_path / "leaf.crt").read_bytes()
    assert renewed != leaf
    certificates.ensure_certificates(tmp_path, "192.0.2.7", now + timedelta(days=380))
    assert (tmp_path / "leaf.crt").read_bytes() != renewed
    assert certificates.fingerprint(tmp_path) == first
    assert (tmp_path / "leaf.key").stat().st_mode & 0o077 == 0


def test_the_port_of_agents_elsewhere_is_looked_at_like_every_other(tmp_path: Path) -> None:
    asked = {"TOCSIN_HOST": "tocsin.example", "TOCSIN_VAR": str(tmp_path)}
    for name in ("TOCSIN_PORT", "TOCSIN_EDGE_PORT", "TOCSIN_GATEWAY_PORT"):
        asked[name] = str(free_port())
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wishes = read_wishes(asked | {"TOCSIN_GATEWAY_TLS_PORT": str(port)})
        with pytest.raises(Refused, match=f"port {port} .for agents elsewhere. is taken") as found:
            check_ports(wishes.addresses)
    assert "make up GATEWAY_TLS_PORT=" in str(found.value)


def test_passwords_come_at_each_start_until_one_of_them_was_shown(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("print('viewer secret')")
    state = State(tmp_path / "var")
    state.folder.mkdir()
    for _ in range(2):
        assert first.welcome(tmp_path, state, dict(os.environ)) == "viewer secret"
    first.were_shown(state)
    assert first.welcome(tmp_path, state, dict(os.environ)) == ""


def test_a_client_that_trusts_the_authority_accepts_the_leaf(tmp_path: Path) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - OpenSSL looks at the wall clock too
    certificates.ensure_certificates(tmp_path, "tocsin.example", now)
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(tmp_path / "leaf.crt", tmp_path / "leaf.key")
    client_side = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    port = free_port()
    with create_server(("127.0.0.1", port)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with server_side.wrap_socket(connection, server_side=True) as secured:
                secured.sendall(b"ok")

        thread = threading.Thread(target=serve)
        thread.start()
        plain = create_connection(("127.0.0.1", port))
        with client_side.wrap_socket(plain, server_hostname="tocsin.example") as secured:
            assert secured.recv(2) == b"ok"
        thread.join(5)


def test_a_log_is_trimmed_in_place_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 1000)
        assert logs.trim(log, cap=1000)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert len((tmp_path / "web.log.1").read_bytes()) == 1000
    assert not logs.trim(log, cap=1000)


def test_the_edge_reports_nothing_and_shows_its_inside_on_loopback_alone(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.prepare()
    wishes = read_wishes({"TOCSIN_VAR": str(tmp_path), "TOCSIN_HOST": "tocsin.example"})
    found = edge.static_settings(state, wishes.addresses)
    assert found["global"] == {"checkNewVersion": False, "sendAnonymousUsage": False}
    assert "127.0.0.1" in str(found["entryPoints"]).split("admin")[1]
    assert state.secret("edge") in str(found["providers"])


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    state = State(tmp_path / "var")
    state.prepare()
    assert state.secret("django") == State(tmp_path / "var").secret("django")
    assert (tmp_path / "var" / "secrets" / "django").stat().st_mode & 0o077 == 0
    assert (tmp_path / "var").stat().st_mode & 0o077 == 0


def both(url: str) -> dict[str, str]:
    return {"TOCSIN_DATABASE_URL": url, "TOCSIN_MIGRATOR_DATABASE_URL": url}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"TOCSIN_PORT": "70000"}, "TOCSIN_PORT"),
        ({"TOCSIN_PORT": "²"}, "TOCSIN_PORT"),
        ({"TOCSIN_DATABASE_PORTS": "²²²²-²²²²"}, "TOCSIN_DATABASE_PORTS"),
        ({"TOCSIN_DATABASE_URL": "postgresql:///x"}, "TOCSIN_MIGRATOR_DATABASE_URL"),
        (both("postgresql://a:secret@h:notaport/x"), "TOCSIN_DATABASE_URL: its host or port"),
        (both("postgresql://a:secret@h/x?sslmode"), "TOCSIN_DATABASE_URL: an option"),
        (both("mysql://a:secret@h/x"), "TOCSIN_DATABASE_URL: it begins with mysql"),
        (both("nonsense"), "TOCSIN_DATABASE_URL: it is no URL"),
        (both("postgresql://h"), "TOCSIN_DATABASE_URL: the database's name"),
        (both("postgresql:///x") | {"TOCSIN_MIGRATOR_DATABASE_URL": "x"}, "MIGRATOR_DATABASE_URL:"),
        ({"TOCSIN_REDIS_URL": "http://h"}, "TOCSIN_REDIS_URL: it begins with http"),
        ({"TOCSIN_HOST": "http://x/y"}, "TOCSIN_HOST: 'http://x/y' is not a host name"),
        ({"TOCSIN_PORT": "8080"}, "TOCSIN_PORT, TOCSIN_EDGE_PORT: port 8080"),
        (
            {"TOCSIN_PORT": "8201", "TOCSIN_DATABASE_PORTS": "8200-8215"},
            "TOCSIN_PORT, TOCSIN_DATABASE_PORTS: port 8201",
        ),
    ],
)
def test_a_bad_wish_is_refused_with_its_name(given: dict[str, str], named: str) -> None:
    with pytest.raises(BadConfiguration, match=named) as refused:
        read_wishes(given)
    assert "secret" not in str(refused.value)


def test_the_block_of_a_first_start_leaves_out_the_ports_that_were_asked_for(
    tmp_path: Path,
) -> None:
    wishes = read_wishes({"TOCSIN_VAR": str(tmp_path), "TOCSIN_PORT": "8105"})
    assert 8105 not in wishes.addresses.databases


def test_the_sealers_way_into_the_database_is_the_sealers_alone(tmp_path: Path) -> None:
    given = {
        "TOCSIN_VAR": str(tmp_path),
        "TOCSIN_DATABASE_URL": "postgresql://app@db.example/tocsin",
        "TOCSIN_MIGRATOR_DATABASE_URL": "postgresql://migrator@db.example/tocsin",
    }
    own = "postgresql://sealer@db.example/tocsin"
    wishes = read_wishes(given | {"TOCSIN_SEALER_DATABASE_URL": own})
    assert wishes.sealer_url == own
    assert read_wishes(given).sealer_url == ""
    programs = ours(wishes.addresses, tls=[], traefik=[], sealer=wishes.sealer_url)
    told = {one.name: dict(one.env) for one in programs if one.env}
    assert told == {"sealer": {"TOCSIN_DATABASE_URL": own}}
    assert "TOCSIN_SEALER_DATABASE_URL" in NOT_INHERITED
    with pytest.raises(BadConfiguration, match="TOCSIN_SEALER_DATABASE_URL"):
        read_wishes(given | {"TOCSIN_SEALER_DATABASE_URL": "mysql://x"})


def test_options_of_an_external_database_reach_the_driver() -> None:
    found = database_from_url("postgresql://a:b%2Bc@h:5433/x?sslmode=verify-full")
    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == ("h", "5433", "b+c")
    assert "verify-full" in str(found["OPTIONS"])


@pytest.mark.parametrize("words", ["{", "[]", '{"TOCSIN_PORT": 1}', ""])
def test_a_damaged_environment_of_the_last_start_is_said_in_a_sentence(
    tmp_path: Path, words: str
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "environment.json").write_text(words)
    done = subprocess.run(
        [sys.executable, "manage.py", "status"],
        env=os.environ
        | {"TOCSIN_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "dashboard.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Tocsin: ")
    assert "environment.json is damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_thing_fails_where_everything_is_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("TOCSIN_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install podman runc"):
        needs("podman")
    monkeypatch.setenv("TOCSIN_REQUIRE_ALL", "0")
    with pytest.raises(pytest.skip.Exception, match="apt-get install podman runc"):
        needs("podman")
