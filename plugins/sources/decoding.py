"""From a file's packets to decoded frames, past whatever is damaged, up to where the file really ends."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import av

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.endings import missing_bytes

if TYPE_CHECKING:
    Packet: TypeAlias = av.Packet[av.VideoStream]

_log = logging.getLogger(__name__)

BURST_PACKETS = 25
"""Damage with fewer good packets than this in between is one burst, and is told of once."""

MAX_READ_ERRORS = 16
"""Errors in a row, without a packet between them, after which the rest of a file is given up."""

PACKET_HEADER_BYTES = 64
"""What a container puts around a packet at most: a torn packet ends this close to the end of the file."""

_COUNTED_FORMATS = ("mov", "avi")
"""Containers whose header or index says how many packets there are."""

_UNFLAGGED_FORMATS = ("gif",)
"""Containers whose demuxer does not say that the last packet is torn, and whose decoder shows what is left."""


class Decoding:
    """The frames of one video stream from where its container stands, in the order in which they are shown.

    Attributes:
        damaged: Packets that could not be decoded, or only in part, so far.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream, path: Path) -> None:
        self.damaged = 0
        self._container = container
        self._stream = stream
        self._path = path
        self._size = container.size
        self._packets = 0
        self._good_in_a_row = BURST_PACKETS
        self._drop_corrupt = False

    def frames(self) -> Generator[av.VideoFrame, None, None]:
        """Yield every frame that can be decoded.

        Raises:
            SourceError: After the last good frame, if the file ends in the middle or cannot be read on.
        """
        held: Packet | None = None
        fault: SourceError | None = None
        try:
            for packet in self._read():
                if held is not None:
                    yield from self._decoded(held)
                held = packet
        except SourceError as error:
            fault = error
        fault = fault or self._cut(held)
        if held is not None:
            if fault is not None and self._is_torn(held):
                self.damaged += 1
            else:
                self._drop_corrupt = fault is not None
                yield from self._decoded(held)
        yield from self._decoded(None)
        if fault is not None:
            raise fault

    def _read(self) -> Iterator[Packet]:
        """Yield the packets, going on after errors of the demuxer."""
        errors = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, IndexError):
                # PyAV's clean-up trips over streams that turn up in the middle of a damaged transport stream.
                return
            except av.InvalidDataError as error:
                errors += 1
                self._note_damage(None)
                if errors > MAX_READ_ERRORS:
                    raise SourceError(f"{self._path}: damaged, cannot be read on") from error
                packets = self._container.demux(self._stream)
                continue
            except av.FFmpegError as error:
                raise SourceError(f"{self._path}: cannot be read on: {error.strerror}") from error
            if packet.size:  # empty ones ask to flush the decoder, which comes later
                errors = 0
                self._packets += 1
                yield packet

    def _decoded(self, packet: Packet | None) -> Iterator[av.VideoFrame]:
        """Yield what the decoder gives for a packet; None takes out what it still holds back."""
        try:
            frames = self._stream.decode(packet)
        except av.FFmpegError as error:
            if not isinstance(error, av.EOFError):
                self._note_damage(packet.pts if packet is not None else None)
            return
        self._good_in_a_row += 1
        for frame in frames:
            if frame.is_corrupt:
                self._note_damage(frame.pts)
                if self._drop_corrupt:
                    continue
            yield frame

    def _note_damage(self, pts: int | None) -> None:
        self.damaged += 1
        if self._good_in_a_row >= BURST_PACKETS:
            time_base = self._stream.time_base
            place = f" near {float(pts * time_base):.2f} s" if pts is not None and time_base else ""
            _log.warning("%s: damaged data%s, going on", self._path, place)
        self._good_in_a_row = 0

    def _is_torn(self, packet: Packet) -> bool:
        return packet.is_corrupt or self._container.format.name in _UNFLAGGED_FORMATS

    def _cut(self, last: Packet | None) -> SourceError | None:
        """Return the fault of a file that ends in the middle; a file that is being written has none."""
        try:
            size, missing = self._path.stat().st_size, missing_bytes(self._path)
        except OSError as error:
            return SourceError(f"{self._path}: cannot be read on: {error.strerror or error}")
        if size != self._size:
            _log.info("%s: has grown while it was read; later frames are left out", self._path)
            return None
        if last is not None and last.is_corrupt and _end(last) >= size:
            return SourceError(f"{self._path}: ends in the middle of a frame")
        if not missing or self._is_complete():
            return None
        return SourceError(f"{self._path}: ends in the middle, at least {missing} bytes are missing")

    def _is_complete(self) -> bool:
        """Return whether all packets were there that the header lists, whatever else is missing."""
        counted = self._container.format.name.startswith(_COUNTED_FORMATS)
        return counted and 0 < self._stream.frames <= self._packets


def _end(packet: Packet) -> int:
    """Return the byte in the file up to which a packet may reach, 0 where its place is unknown."""
    return 0 if packet.pos is None else packet.pos + packet.size + PACKET_HEADER_BYTES
