"""`make up`, as a person meets it: real processes, real signals, real ports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from recovery.core.clock import system
from recovery.engines import children
from tests.needs import needs
from tests.support.databases import Database
from tests.support.own import free_port
from tests.support.running import LEAN, ROOT, environment, started, wait_for
from tests.support.users import as_ordinary_user

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder after its first start."""
    folder = tmp_path_factory.mktemp("prepared") / "var"
    with started(folder, environment(folder)):
        pass
    return folder


@pytest.fixture
def var(tmp_path: Path, prepared: Path) -> Path:
    """A folder of this test's own that has been started once: saves making it each time."""
    shutil.copytree(prepared, tmp_path / "var", ignore=shutil.ignore_patterns("socket", "run"))
    return tmp_path / "var"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return tmp_path / "var"


def test_ctrl_c_stops_everything_and_a_second_start_is_quick_and_keeps_the_data(
    empty: Path,
) -> None:
    var, env = empty, environment(empty)
    with started(var, env) as first:
        assert "admin" in first.said
        assert first.pid_of("postgres")
        assert first.pid_of("edge")
        os.killpg(first.process.pid, signal.SIGINT)
        assert first.process.wait(90) == 0
        assert first.processes() == []
    began = system.monotonic()
    with started(var, env) as second:
        assert system.monotonic() - began < 10
        assert "shown this once" not in second.said
        asked = subprocess.run(
            [sys.executable, "manage.py", "status", "--json"],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(asked.stdout)["keeper"] == second.process.pid


def test_processes_that_are_unknown_cannot_be_left_out(var: Path) -> None:
    with started(var, environment(var, TOCSIN_WITHOUT="laboratory"), wait=False) as refused:
        assert refused.process.wait(90) == 1
        assert "TOCSIN_WITHOUT: laboratory: no such process" in refused.said


@pytest.mark.parametrize("victim", ["keeper", "supervisor"])
def test_a_killed_watcher_leaves_no_process(var: Path, victim: str) -> None:
    with started(var, environment(var)) as running:
        before = running.processes()
        assert len(before) >= 3
        os.kill(running.status()[victim], signal.SIGKILL)
        wait_for(lambda: not any(psutil.pid_exists(pid) for pid in before))
        running.process.wait(90)


def test_what_two_killed_watchers_left_is_ended_by_the_next_start(var: Path) -> None:
    env = environment(var)
    with started(var, env) as running:
        stray = subprocess.Popen(
            ["sleep", "300"], env=env | {"TOCSIN_SUPERVISED_IN": str(var)}, start_new_session=True
        )
        status = running.status()
        for watcher in ("supervisor", "keeper"):
            os.kill(status[watcher], signal.SIGKILL)
        running.process.wait(90)
    with started(var, env):
        assert stray.wait(90) is not None


@pytest.mark.parametrize("name", ["postgres", "valkey", "edge"])
def test_what_dies_comes_back(var: Path, name: str) -> None:
    with started(var, environment(var)) as running:
        pid = running.pid_of(name)
        assert pid
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: running.pid_of(name) not in (None, pid))
        assert f"{name} ended (signal SIGKILL)" in running.said


def test_a_second_up_on_the_same_folder_is_refused_and_the_first_goes_on(var: Path) -> None:
    env = environment(var)
    with started(var, env) as first:
        before = [each for each in first.status()["processes"] if each["pid"]]
        with started(var, env, wait=False) as second:
            assert second.process.wait(90) == 1
            assert f"already runs on {var} (process {first.process.pid})" in second.said
        assert before
        gone = [each for each in before if children.created(each["pid"]) != each["created"]]
        assert not gone, first.said
        reset = [sys.executable, "deploy/reset.py"]
        refused = subprocess.run(
            reset, cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        assert "Stop it first: make stop" in refused.stdout
        assert first.process.poll() is None
        stop = [sys.executable, "manage.py", "status", "--stop"]
        subprocess.run(stop, cwd=ROOT, env=env, check=True, capture_output=True)
        assert first.process.wait(90) == 0
    subprocess.run(reset, cwd=ROOT, env=env, check=True, capture_output=True)
    assert not var.exists()


def test_a_taken_port_is_named_with_its_holder_and_the_way_on(var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(var, environment(var, TOCSIN_PORT=str(port)), wait=False) as refused:
            assert refused.process.wait(90) == 1
            assert f"port {port} (for the pages) is taken by" in refused.said
            assert f"(process {os.getpid()})" in refused.said
            assert "make up PORT=" in refused.said


def test_a_port_that_is_taken_while_it_starts_is_named_as_well(var: Path) -> None:
    with socket.socket() as late:
        late.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        late.bind(("127.0.0.1", 0))
        port = late.getsockname()[1]
        with started(var, environment(var, TOCSIN_PORT=str(port)), wait=False) as refused:
            wait_for((var / "postgres" / "data" / "postmaster.pid").exists)
            late.listen()
            assert refused.process.wait(90) == 1
            assert f"port {port} (for the pages) is taken by" in refused.said
            assert "The data is kept." in refused.said


def test_a_half_finished_start_and_a_stale_pid_file_do_not_stand_in_the_way(empty: Path) -> None:
    var = empty
    env = environment(var)
    half = var / "postgres" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    with started(var, env):
        assert (half / "tocsin.ready").exists()
    (half / "postmaster.pid").write_text(f"{os.getpid()}\n{half}\n")
    with started(var, env):
        pass


def test_a_port_that_is_none_is_refused_with_its_name(var: Path) -> None:
    with started(var, environment(var, TOCSIN_EDGE_PORT="http"), wait=False) as refused:
        assert refused.process.wait(90) == 1
        assert "TOCSIN_EDGE_PORT: 'http' is not a port" in refused.said


def test_a_full_disk_is_said_before_anything_is_started(empty: Path) -> None:
    var = empty
    needs("root")
    var.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(var)], check=True)
    try:
        with started(var, environment(var), wait=False) as refused:
            assert refused.process.wait(90) == 1
            assert "MB are free on the disk of" in refused.said
            assert "make up VAR=" in refused.said
    finally:
        subprocess.run(["umount", str(var)], check=True)


def test_a_host_name_brings_tls_from_an_authority_that_a_phone_can_trust(var: Path) -> None:
    lean = " ".join(name for name in LEAN.split() if name != "web")
    env = environment(var, TOCSIN_HOST="localhost", TOCSIN_WITHOUT=lean)
    with started(var, env) as running:
        assert "Certificate Trust Settings" in running.said
        trusting = ssl.create_default_context(cafile=str(var / "tls" / "ca.crt"))
        url = f"https://localhost:{env['TOCSIN_PORT']}/login/"
        with httpx.Client(verify=trusting, timeout=20) as phone:
            assert phone.get(url).status_code < httpx.codes.INTERNAL_SERVER_ERROR


def test_an_external_postgresql_is_used_and_left_running(
    empty: Path, fresh_database: Database
) -> None:
    var, urls = (
        empty,
        {
            "TOCSIN_DATABASE_URL": fresh_database.url,
            "TOCSIN_MIGRATOR_DATABASE_URL": fresh_database.migrator_url,
        },
    )
    with started(var, environment(var, **urls)) as running:
        assert running.pid_of("postgres") is None
        with psycopg.connect(fresh_database.url) as seen:
            assert seen.execute("SELECT count(*) FROM auth_user").fetchone() == (4,)
        edge = running.pid_of("edge")
        assert edge
        assert b"TOCSIN_MIGRATOR_DATABASE_URL" not in Path(f"/proc/{edge}/environ").read_bytes()


def test_an_external_postgresql_that_refuses_is_named(var: Path) -> None:
    nowhere = f"postgresql://tocsin_app@127.0.0.1:{free_port()}/tocsin"
    urls = {"TOCSIN_DATABASE_URL": nowhere, "TOCSIN_MIGRATOR_DATABASE_URL": nowhere}
    with started(var, environment(var, **urls), wait=False) as refused:
        assert refused.process.wait(90) == 1
        assert "TOCSIN_DATABASE_URL: PostgreSQL did not let us in" in refused.said
        assert refused.processes() == []


def test_root_starts_it_in_a_closed_folder_where_user_namespaces_are_off(empty: Path) -> None:
    var = empty
    needs("root")
    var.parent.chmod(0o700)
    env = environment(var, TOCSIN_PG_ISOLATION="dropped")
    try:
        with started(var, env) as running:
            pid = running.pid_of("postgres")
            assert pid
            assert psutil.Process(pid).username() == "nobody"
    finally:
        subprocess.run(
            [sys.executable, "deploy/reset.py"], cwd=ROOT, env=env, check=True, capture_output=True
        )
    assert not list(Path("/var/lib").glob("tocsin-0-*"))


def test_an_ordinary_user_starts_it(tmp_path: Path) -> None:
    needs("root")
    with as_ordinary_user() as user:
        var = user.home / "var"
        env = environment(var) | {"HOME": str(user.home)}
        shutil.rmtree(var, ignore_errors=True)
        argv = [*user.prefix, str(user.python), "manage.py", "up"]
        output = tmp_path / "output"
        with output.open("w") as out:
            process = subprocess.Popen(argv, cwd=user.copy, env=env, stdout=out, stderr=out)
        try:
            wait_for(
                lambda: "Tocsin is up" in output.read_text() or process.poll() is not None, 180
            )
            assert "Tocsin is up" in output.read_text()
        finally:
            process.terminate()
            process.wait(90)
