"""A simulated HTTP camera (MJPEG): ``python -m benchmarks.camera.http``; prints its address when it serves."""

from __future__ import annotations

import argparse
import base64
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np

from benchmarks.camera import barcode

BOUNDARY = "camera"


def main() -> None:
    """Serve a camera as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--rate", type=int, default=30)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), _handler(options))
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}/live.mjpg", flush=True)
    server.serve_forever()


def _handler(options: argparse.Namespace) -> type[BaseHTTPRequestHandler]:
    expected = "Basic " + base64.b64encode(f"{options.user}:{options.password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            if options.user and self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.end_headers()
            try:
                self._stream()
            except OSError:
                return

        def _stream(self) -> None:
            ramp = np.linspace(40, 200, options.width).astype(np.uint8)
            image = np.tile(ramp, (options.height, 1))
            due = time.monotonic()
            for sequence in range(1 << barcode.SEQUENCE_BITS):
                due += 1 / options.rate
                time.sleep(max(0.0, due - time.monotonic()))
                barcode.draw(image, time.monotonic_ns() // 1000, sequence)
                jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))[1].tobytes()
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


if __name__ == "__main__":
    main()
