"""One site of the provider as the one program of its machine: its API over HTTP."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from recovery.core.clock import system
from recovery.lab.provider import query
from recovery.lab.provider.disk import Disk, Meta, NotThere
from recovery.lab.provider.query import Params

_POLITE = 10
_CONNECT_SECONDS = 2.0
Content = dict[str, Any]


class Api:
    """What each call does and says."""

    def __init__(self, disk: Disk, site: str) -> None:
        self._disk, self._site = disk, site
        self._calls: dict[str, Callable[[Params], Content]] = {
            "CreateSnapshot": self._create_snapshot,
            "CopySnapshot": self._copy_snapshot,
            "DescribeSnapshots": self._describe_snapshots,
            "DeleteSnapshot": self._delete_snapshot,
            "CreateVolume": self._create_volume,
            "DescribeVolumes": self._describe_volumes,
            "DeleteVolume": self._delete_volume,
            "DescribeAvailabilityZones": self._describe_zones,
        }

    def answer(self, params: Params) -> tuple[int, bytes]:
        """Status and XML."""
        action = params.get("Action", "")
        call = self._calls.get(action)
        if call is None:
            return 400, query.refusal("InvalidAction", f"{action} is not known here.")
        try:
            return 200, query.answer(action, call(params))
        except NotThere as error:
            return 400, query.refusal(error.code, str(error))
        except KeyError as error:
            said = f"The request must contain {error.args[0]}."
            return 400, query.refusal("MissingParameter", said)
        except OSError as error:
            return 500, query.refusal("InternalError", str(error))

    def _create_snapshot(self, params: Params) -> Content:
        made = self._disk.create(params["VolumeId"], query.tags(params), system.now())
        return _snapshot(made)

    def _copy_snapshot(self, params: Params) -> Content:
        source = params["SourceRegion"], params["SourceSnapshotId"]
        made = self._disk.copy(*source, query.tags(params), system.now())
        return {"snapshotId": made["id"]}

    def _describe_snapshots(self, params: Params) -> Content:
        found = query.matching(self._disk.all_snapshots(), query.filters(params))
        if ids := query.listed(params, "SnapshotId"):
            found = [each for each in found if each["id"] in ids]
        return {"snapshotSet": [_snapshot(dict(each)) for each in found]}

    def _delete_snapshot(self, params: Params) -> Content:
        self._disk.delete_snapshot(params["SnapshotId"])
        return {"return": "true"}

    def _create_volume(self, params: Params) -> Content:
        made = self._disk.create_volume(params["SnapshotId"], query.tags(params), system.now())
        return _volume(made)

    def _describe_volumes(self, params: Params) -> Content:
        found = query.matching(self._disk.all_volumes(), query.filters(params))
        return {"volumeSet": [_volume(dict(each)) for each in found]}

    def _delete_volume(self, params: Params) -> Content:
        self._disk.delete_volume(params["VolumeId"])
        return {"return": "true"}

    def _describe_zones(self, params: Params) -> Content:
        del params
        zone = {"zoneName": f"{self._site}-a", "zoneState": "available", "regionName": self._site}
        return {"availabilityZoneInfo": [zone]}


def _snapshot(meta: Meta) -> Content:
    return {
        "snapshotId": meta["id"],
        "volumeId": meta["volume"],
        "status": meta["state"],
        "startTime": meta["begun"],
        "progress": "100%" if meta["state"] == "completed" else "0%",
        "tagSet": query.tag_set(meta["tags"]),
    }


def _volume(meta: Meta) -> Content:
    return {
        "volumeId": meta["id"],
        "snapshotId": meta["snapshot"],
        "status": meta["state"],
        "tagSet": query.tag_set(meta["tags"]),
    }


def server_of(config: Path, pace: Callable[[], None] = lambda: None) -> ThreadingHTTPServer:
    """Ready to serve; what was left half-done goes on."""
    told = json.loads(config.read_text())
    sources = {id_: (name, Path(folder)) for id_, (name, folder) in told["volumes"].items()}
    disk = Disk(
        Path(told["root"]), told["site"], sources, reached=_reached(told["sites"]), pace=pace
    )
    access, secret = told["credentials"]
    api = Api(disk, told["site"])

    class Door(BaseHTTPRequestHandler):
        timeout = 60

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if query.is_signed(headers, body, told["site"], access, secret):
                status, said = api.answer(query.parameters(body))
            else:
                status, said = 401, query.refusal("AuthFailure", "We do not know who asks.")
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a look each few seconds is no news."""

    server = ThreadingHTTPServer((told["address"], told["port"]), Door)
    server.daemon_threads = True
    disk.resume()
    return server


def serve(config: Path) -> int:
    """For ever."""
    os.nice(_POLITE)
    told = json.loads(config.read_text())
    pace = float(told.get("piece_seconds", 0))
    server_of(config, lambda: time.sleep(pace)).serve_forever()
    return 0


def _reached(sites: Mapping[str, tuple[str, int]]) -> Callable[[str], bool]:
    """The way to another site's bytes leads through its door: who is silent gives nothing."""

    def reached(site: str) -> bool:
        if site not in sites:
            return False
        address, port = sites[site]
        try:
            socket.create_connection((address, port), timeout=_CONNECT_SECONDS).close()
        except OSError:
            return False
        return True

    return reached
