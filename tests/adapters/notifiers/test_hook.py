"""Webhooks go, signed and once, to who was named, and nowhere else."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path

import pytest

from recovery.adapters.notifiers.hook import Hook, read_key, refuse_address, sign
from recovery.core.clock import system
from recovery.core.ports import NotAccepted
from recovery.engines.certificates import ensure_certificates

NAME = "hooks.example.net"
KEY = b"k" * 32
HERE = (ip_network("127.0.0.0/8"),)


@dataclass
class Machine:
    """A receiver, and what it got."""

    folder: Path
    status: int = 204
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    asked: int = 0
    pause: float = 0.0

    def hook(self, **changes: object) -> Hook:
        trust = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        fields: dict[str, object] = {
            "url": f"https://{NAME}:{self.port}/in?a=1",
            "key": KEY,
            "networks": HERE,
            "trust": trust,
            "resolve": self.resolve,
            "patience": 2.0,
        }
        return Hook(**(fields | changes))  # type: ignore[arg-type]

    def resolve(self, host: str, port: int) -> list[str]:
        """A name server that leads elsewhere at its second answer."""
        self.asked += 1
        return ["127.0.0.1"] if self.asked == 1 else ["169.254.169.254"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls")
    ensure_certificates(path, NAME, system.now())
    return path


@pytest.fixture
def machine(folder: Path) -> Iterator[Machine]:
    found = Machine(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if found.pause:
                self.drip()
                return
            self.send_response(found.status)
            if found.status == 302:
                self.send_header("Location", f"https://{NAME}:{found.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def drip(self) -> None:
            """A byte now and then, until nobody reads any more."""
            with suppress(OSError):
                for each in b"HTTP/1.1 204 No Content" + b" " * 400:
                    self.wfile.write(bytes([each]))
                    threading.Event().wait(found.pause)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is written beside the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.crt", folder / "leaf.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def test_it_is_signed_over_its_id_its_time_and_its_body(machine: Machine) -> None:
    said = machine.hook().post(id="d-1", at=1_764_385_200, body=b'{"type":"lost"}')
    assert said == f"{NAME} answered 204 No Content."
    ((path, headers, body),) = machine.got
    assert (path, body) == ("/in?a=1", b'{"type":"lost"}')
    assert headers["webhook-id"] == "d-1"
    assert headers["host"] == f"{NAME}:{machine.port}"
    assert headers["webhook-signature"] == sign(KEY, "d-1", 1_764_385_200, body)
    assert machine.asked == 1, "a name that is asked for twice may lead elsewhere"


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of its specification."""
    key = read_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signed = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "no base64!"])
def test_a_key_that_protects_nothing_is_refused(text: str) -> None:
    with pytest.raises(NotAccepted):
        read_key(text)


@pytest.mark.parametrize(
    ("status", "said"), [(500, "500 Internal Server Error"), (302, "302 Found")]
)
def test_whatever_is_no_yes_is_a_no_with_its_words(
    machine: Machine, status: int, said: str
) -> None:
    machine.status = status
    with pytest.raises(NotAccepted, match=said):
        machine.hook().post(id="d-1", at=1, body=b"{}")
    assert len(machine.got) == 1, "nothing is followed, and nothing sent twice"


def test_a_receiver_that_is_another_one_gets_nothing(machine: Machine) -> None:
    with pytest.raises(NotAccepted, match="cannot be told"):
        machine.hook(url=f"https://other.example.net:{machine.port}/").post(
            id="d-1", at=1, body=b"{}"
        )
    assert not machine.got


def test_a_receiver_that_is_silent_is_given_up() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as quiet:
        hook = Hook(f"https://127.0.0.1:{quiet.server_port}/", KEY, HERE, patience=0.3)
        with pytest.raises(NotAccepted, match="did not answer within 0 s"):
            hook.post(id="d-1", at=1, body=b"{}")


def test_a_receiver_that_sends_a_byte_now_and_then_is_given_up_in_time(machine: Machine) -> None:
    """Each byte comes in time; the whole of it does not."""
    machine.pause = 0.1
    began = system.monotonic()
    with pytest.raises(NotAccepted, match="did not answer within"):
        machine.hook(patience=1.0).post(id="d-1", at=1, body=b"{}")
    assert machine.got
    assert system.monotonic() - began < 8.0, "forty seconds of bytes were to come"


@pytest.mark.parametrize(
    "url", ["https://a.example:99999/", "https://a.example:x/", "https://[::/"]
)
def test_an_address_that_cannot_be_read_is_refused_as_such(url: str) -> None:
    with pytest.raises(NotAccepted, match="cannot be read"):
        Hook(url, KEY).post(id="d-1", at=1, body=b"{}")


HIDDEN = [
    *("64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254"),
    *("64:ff9b:1::10.0.0.1", "64:ff9b:1:abcd::5db8:d822", "::10.0.0.1", "::93.184.216.34"),
    *("2002:a00:1::1", "2002:5db8:d822::1", "2001:0:a00:1::1", "2001:0:5db8:d822::f5ff:fffe"),
]


@pytest.mark.parametrize("address", HIDDEN)
def test_a_private_machine_inside_a_public_looking_address_is_refused(address: str) -> None:
    assert refuse_address(address, 443, ())


def test_what_a_translator_leads_to_counts_where_it_is_known() -> None:
    assert refuse_address("64:ff9b::93.184.216.34", 443, ()) == ""
    assert refuse_address("64:ff9b::10.0.0.1", 8443, (ip_network("10.0.0.0/8"),)) == ""


NOWHERE = [
    *("127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "fd00:ec2::254", "::ffff:93.184.216.34"),
]


@pytest.mark.parametrize("address", NOWHERE)
def test_what_is_not_public_is_refused_whoever_names_it(address: str) -> None:
    assert refuse_address(address, 443, ())


def test_a_public_address_is_reached_on_its_one_port() -> None:
    assert refuse_address("93.184.216.34", 443, ()) == ""
    assert refuse_address("2606:2800:220:1::1", 443, ()) == ""
    assert refuse_address("93.184.216.34", 22, ())
    assert refuse_address("10.1.2.3", 8443, (ip_network("10.0.0.0/8"),)) == ""
    assert refuse_address("169.254.169.254", 443, (ip_network("10.0.0.0/8"),))


def test_one_bad_address_of_a_name_is_one_too_many(machine: Machine) -> None:
    hook = machine.hook(resolve=lambda host, port: ["127.0.0.1", "169.254.169.254"])
    with pytest.raises(NotAccepted, match="none that we send to"):
        hook.post(id="d-1", at=1, body=b"{}")
    assert not machine.got


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "localhost", "[::1]"])
def test_other_ways_to_write_ourselves_are_looked_at_as_what_they_are(host: str) -> None:
    with pytest.raises(NotAccepted):
        Hook(f"https://{host}/", KEY).post(id="d-1", at=1, body=b"{}")


@pytest.mark.parametrize("url", ["http://a.example/", "https:///x", "https://u:p@a.example/"])
def test_only_plain_https_addresses_are_sent_to(url: str) -> None:
    with pytest.raises(NotAccepted, match="is not https"):
        Hook(url, KEY).post(id="d-1", at=1, body=b"{}")
