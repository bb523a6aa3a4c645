"""A simulated camera as a process of its own: it can be killed, frozen, and started again on its port."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]


class CameraProcess:
    """Runs ``benchmarks.camera.rtsp`` or ``.http``.

    Args:
        module: ``rtsp`` or ``http``.
        options: Of its command line, without the dashes.

    Attributes:
        url: Where it serves.
    """

    def __init__(self, module: str, **options: Any) -> None:
        self._module = module
        self._options = options
        self.start()

    def start(self, **changes: Any) -> None:
        """Start the camera, again on the same port, with other options if need be.

        Raises:
            RuntimeError: It does not start.
        """
        self._options = {**self._options, **changes}
        words = [word for key, value in self._options.items() for word in (f"--{key}", str(value))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.camera.{self._module}", *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            self.kill()
            raise RuntimeError(f"the camera {self._module} {' '.join(words)} does not start")
        self._options["port"] = self.port

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 0

    def url_with(self, login: str) -> str:
        """Return the address with ``user:password`` in it."""
        return self.url.replace("://", f"://{login}@")

    def url_through(self, port: int) -> str:
        """Return the address by way of another port, of a :class:`BadNetwork`."""
        return self.url.replace(f":{self.port}/", f":{port}/")

    def freeze(self) -> None:
        """Stop it where it is: it answers nothing any more, and its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
