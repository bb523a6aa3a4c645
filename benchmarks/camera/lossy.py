"""A bad network between an RTSP camera and its client, in threads of this process, on loopback.

The conversation goes over TCP through a proxy, which can be cut; RTP over UDP goes through a relay, which drops
and reorders packets, and can change their stamps as if the camera had set its clock.
"""

from __future__ import annotations

import contextlib
import random
import re
import select
import socket
import threading
from dataclasses import dataclass, field
from typing import Self

LOOPBACK = "127.0.0.1"

RTP_VERSION = 2
RTP_RATE = 90_000
"""Units of a second of video's stamps."""

_CLIENT_PORTS = re.compile(rb"client_port=(\d+)-(\d+)")


@dataclass
class BadNetwork:
    """Stands between client and camera.

    Attributes:
        camera_port: Port of the camera.
        loss: Share of the RTP packets that are dropped, 0..1.
        reorder: Share of the RTP packets that are sent after the one behind them.
        clock_s: Seconds by which the stamps of RTP packets are moved; may be changed while they pass.
        seed: Of what happens to which packet.
        passed: RTP packets passed on.
        lost: RTP packets dropped.
    """

    camera_port: int
    loss: float = 0.0
    reorder: float = 0.0
    clock_s: float = 0.0
    seed: int = 1
    passed: int = 0
    lost: int = 0
    _sockets: list[socket.socket] = field(default_factory=list)
    _stopping: bool = False

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._listener = socket.create_server((LOOPBACK, 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """Port for the client."""
        return int(self._listener.getsockname()[1])

    def cut(self) -> None:
        """End every conversation that goes on now; new ones are let through."""
        sockets, self._sockets = self._sockets, []
        for end in sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End everything."""
        self._stopping = True
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._stopping:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._converse, client)

    def _start(self, function: object, *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _converse(self, client: socket.socket) -> None:
        """Pass a conversation on, with our ports in the place of the client's."""
        ports: dict[bytes, bytes] = {}
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection((LOOPBACK, self.camera_port)) as camera,
        ):
            self._sockets += [client, camera]
            while not self._stopping:
                for end in select.select([client, camera], [], [], 0.2)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    if end is client:
                        camera.sendall(_CLIENT_PORTS.sub(lambda match: self._relayed(match, ports), data))
                    else:
                        for ours, theirs in ports.items():
                            data = data.replace(ours, theirs)
                        client.sendall(data)

    def _relayed(self, match: re.Match[bytes], ports: dict[bytes, bytes]) -> bytes:
        relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        relay.bind((LOOPBACK, 0))
        relay.settimeout(0.2)
        port = relay.getsockname()[1]
        ours = b"client_port=%d-%d" % (port, port + 1)
        ports[ours] = match[0]
        self._start(self._relay, relay, int(match[1]))
        return ours

    def _relay(self, relay: socket.socket, client_port: int) -> None:
        late: bytes | None = None
        with relay:
            while not self._stopping:
                try:
                    data = self._restamped(relay.recv(65536))
                except TimeoutError:
                    continue
                if self._random.random() < self.loss:
                    self.lost += 1
                    continue
                self.passed += 1
                if late is None and self._random.random() < self.reorder:
                    late = data
                    continue
                for packet in (data, late):
                    if packet is not None:
                        relay.sendto(packet, (LOOPBACK, client_port))
                late = None

    def _restamped(self, packet: bytes) -> bytes:
        if not self.clock_s or packet[0] >> 6 != RTP_VERSION:
            return packet
        stamp = int.from_bytes(packet[4:8]) + round(self.clock_s * RTP_RATE)
        return packet[:4] + (stamp % (1 << 32)).to_bytes(4) + packet[8:]
