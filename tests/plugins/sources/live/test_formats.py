"""A camera that somebody sets otherwise while it sends: a recorder has to know with the very packet."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.plugins.sources.live.libav_format import jpeg_size

SIZES = ((128, 96), (192, 112))
FRAMES = 25


@pytest.fixture
def changing_file(tmp_path):
    """Writes a stream that changes its size after a second, without beginning anew."""

    def write(codec):
        path = tmp_path / "changing.ts"
        with path.open("wb") as file:
            for part, size in enumerate(SIZES):
                piece = io.BytesIO()
                with av.open(piece, "w", format="mpegts") as output:
                    stream = output.add_stream(
                        codec, rate=25, options={"g": "10", "x265-params": "log-level=none"}
                    )
                    (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
                    for number in range(FRAMES):
                        image = np.full((size[1], size[0], 3), 9 * number, np.uint8)
                        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                        frame.pts, frame.time_base = part * FRAMES + number, Fraction(1, 25)
                        output.mux(stream.encode(frame))
                    output.mux(stream.encode())
                file.write(piece.getvalue())
        return path

    return write


class TestChange:
    @pytest.mark.parametrize("backend", ["gstreamer", "pyav"])
    @pytest.mark.parametrize("codec", ["libx264", "libx265"])
    def test_every_packet_says_its_size(
        self, gstreamer, changing_file, live, wait_until, collector, codec, backend
    ):
        source = live(f"loop:{changing_file(codec)}", backend=backend, decode=False)
        source.attach(collector)
        wait_until(lambda: len({packet.format.size_wh for packet in collector.packets}) == 2)
        wait_until(lambda: len(collector.packets) > 2 * FRAMES)
        packets = [packet for packet in collector.packets if packet.epoch == 0]
        sizes = [packet.format.size_wh for packet in packets]
        change = sizes.index(SIZES[1])

        assert set(sizes[:change]) == {SIZES[0]}
        assert packets[change].keyframe
        assert packets[change].format.private != packets[0].format.private
        assert len({id(packet.format) for packet in packets[: 2 * FRAMES - 5]}) == 2


class TestJpeg:
    @given(width=st.integers(1, 300), height=st.integers(1, 300), progressive=st.booleans())
    def test_says_its_size(self, width, height, progressive):
        options = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
        data = cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8), options)[1].tobytes()

        assert jpeg_size(data) == (width, height)

    @given(data=st.binary(max_size=60))
    def test_or_not(self, data):
        size = jpeg_size(b"\xff\xd8" + data)

        assert size is None or min(size) >= 0
