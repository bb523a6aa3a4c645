"""Cameras that do what cameras should not: each on a port of its own, on loopback."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

HTML = b"<html><body>Please log in</body></html>"
JPEG = cv2.imencode(".jpg", np.zeros((96, 128, 3), np.uint8))[1].tobytes()
MULTIPART = "multipart/x-mixed-replace; boundary=b"
PART = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 10\r\n\r\n0123456789\r\n"
PLAYLIST = "application/vnd.apple.mpegurl"
SILENT_S = 8

PAGES = {
    "/html": (200, "text/html", HTML),
    "/json": (200, "application/json", b"{}"),
    "/one.jpg": (200, "image/jpeg", JPEG),
    "/empty": (200, MULTIPART, b""),
    "/junk": (200, MULTIPART, PART * 100),
    "/forbidden": (403, "text/html", HTML),
    "/full": (503, "text/html", HTML),
    "/moved": (302, "text/html", b""),
    "/failing": (500, "text/html", HTML),
    "/gone.m3u8": (200, PLAYLIST, b"#EXTM3U\n#EXTINF:2,\nnothing0.ts\n#EXT-X-ENDLIST\n"),
    "/none.m3u8": (200, PLAYLIST, b"#EXTM3U\n"),
    "/text.m3u8": (200, PLAYLIST, b"hello\n"),
    "/master.m3u8": (200, PLAYLIST, b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nnone.m3u8\n"),
}


class WebCamera(BaseHTTPRequestHandler):
    """Answers what its path says; ``/silent`` begins a stream that never comes."""

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/basic":
            return self._answer(401, "text/html", HTML, authenticate='Basic realm="camera"')
        if path == "/silent":
            self._answer(200, MULTIPART, None)
            self.connection.settimeout(SILENT_S)
            with suppress(OSError):
                self.connection.recv(1)  # until the other end hangs up
            return None
        return self._answer(*PAGES.get(path, (404, "text/html", HTML)))

    def _answer(self, status, kind, body, authenticate=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if kind != MULTIPART:
            self.send_header("Content-Length", str(len(body)))
        if authenticate:
            self.send_header("WWW-Authenticate", authenticate)
        if status == 302:
            self.send_header("Location", self.path)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A PEM file of a certificate that the camera has signed itself, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    file = tmp_path_factory.mktemp("tls") / "camera.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=camera -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        ["openssl", *words.split(), "-keyout", file, "-out", file.with_suffix(".crt")],
        check=True,
        capture_output=True,
    )
    file.write_bytes(file.read_bytes() + file.with_suffix(".crt").read_bytes())
    return file


@contextmanager
def _web_camera(certificate=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), WebCamera)
    server.handle_error = lambda *_: None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def _rude_camera(answer):
    """Takes connections, says what it says to everything, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve():
        while not ended.is_set():
            with suppress(OSError):
                connection = listener.accept()[0]
                with connection:
                    connection.settimeout(1)
                    if answer and connection.recv(4096):
                        connection.sendall(answer)
                        time.sleep(0.05)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    ended.set()
    socket.create_connection(listener.getsockname()).close()
    thread.join()
    listener.close()


@contextmanager
def _mute_camera():
    """Takes connections, and that is all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def _lost_camera():
    """Does not even take connections: its queue is full, as behind a firewall that drops everything."""
    with ExitStack() as callers, socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        for _ in range(2):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture(scope="session")
def ports(certificate):
    """Where each of the bad cameras listens."""
    sound = (
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 40\r\n\r\nv=0\r\nm=audio 0 RTP/AVP 8\r\n" + b" " * 40
    )
    with ExitStack() as running:
        yield {
            "web": running.enter_context(_web_camera()),
            "tls": running.enter_context(_web_camera(certificate)),
            "rude": running.enter_context(_rude_camera(b"")),
            "ftp": running.enter_context(_rude_camera(b"220 FTP server ready\r\n")),
            "sound": running.enter_context(_rude_camera(sound)),
            "full": running.enter_context(
                _rude_camera(b"RTSP/1.0 453 Not Enough Bandwidth\r\nCSeq: 1\r\n\r\n")
            ),
            "other": running.enter_context(_rude_camera(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
            "mute": running.enter_context(_mute_camera()),
            "lost": running.enter_context(_lost_camera()),
            "closed": 1,
        }
