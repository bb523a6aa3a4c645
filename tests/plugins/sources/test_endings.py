"""Structures in bytes, whole and cut; whole files of each kind are in ``test_video_damage``."""

from __future__ import annotations

import struct

import pytest

from sitepose.plugins.sources.endings import is_iso_media, missing_bytes

UNKNOWN = b"\x01" + b"\xff" * 7
"""A Matroska length of 8 bytes that says nothing."""


def box(kind, payload):
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def element(identity, payload, length=None):
    return identity + (length or struct.pack(">Q", 1 << 56 | len(payload))) + payload


HEADER = element(b"\x1a\x45\xdf\xa3", b"header")
CLUSTER = b"\x1f\x43\xb6\x75"
BLOCKS = element(b"\xa3", bytes(200)) * 3
MP4 = box(b"ftyp", b"isom" * 3) + box(b"moov", bytes(50))
RIFF = b"RIFF" + struct.pack("<I", 4 + 300) + b"AVI " + bytes(300)
GIF = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + bytes(6)
PICTURE = b"," + bytes(9) + b"\x02" + b"\x05abcde" * 3 + b"\0"
PACKETS = (b"\x47" + bytes(187)) * 7

WHOLE = {
    "mp4": MP4 + box(b"mdat", bytes(300)),
    "mp4 of a long box": MP4 + struct.pack(">I4sQ", 1, b"mdat", 16 + 300) + bytes(300),
    "mp4 up to the end": MP4 + struct.pack(">I4s", 0, b"mdat") + bytes(300),
    "matroska": HEADER + element(b"\x18\x53\x80\x67", element(CLUSTER, BLOCKS)),
    "matroska, live": HEADER + element(b"\x18\x53\x80\x67", element(CLUSTER, BLOCKS) * 2, UNKNOWN),
    "matroska, live in open clusters": HEADER
    + element(b"\x18\x53\x80\x67", element(CLUSTER, BLOCKS, UNKNOWN) * 2, UNKNOWN),
    "avi": RIFF,
    "large avi": RIFF + b"RIFF" + struct.pack("<I", 4 + 200) + b"AVIX" + bytes(200),
    "transport stream": PACKETS,
    "transport stream with times": (bytes(4) + b"\x47" + bytes(187)) * 7,
    "transport stream with correction": (b"\x47" + bytes(203)) * 7,
    "gif": GIF + b"!\xf9\x04abcd\0" + PICTURE * 5 + b";",
}

SILENT = {
    "an avi whose writer was stopped": b"RIFF\0\0\0\0AVI " + bytes(300),
    "a gif without its last byte": GIF + PICTURE,
    "a box of no known kind behind the others": MP4 + struct.pack(">I4s", 10**6, b"junk"),
    "zeros behind an open segment": HEADER
    + element(b"\x18\x53\x80\x67", element(CLUSTER, BLOCKS), UNKNOWN)
    + bytes(9999),
    "anything else": b"some text that is no video",
    "nothing": b"",
}


class TestMissingBytes:
    @pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
    def test_are_none_in_a_whole_file(self, tmp_path, content):
        path = tmp_path / "file"
        path.write_bytes(content)

        assert missing_bytes(path) == 0

    @pytest.mark.parametrize("name", [name for name in WHOLE if name != "mp4 up to the end"])
    def test_are_noticed_wherever_the_last_part_is_cut(self, tmp_path, name):
        path = tmp_path / "file"
        for cut in (1, 7, 60, 100):
            path.write_bytes(WHOLE[name][: -1 - cut if name == "gif" else -cut])

            whole_pictures = name == "gif" and (cut + 0) % len(PICTURE) == 0
            assert (missing_bytes(path) > 0) != whole_pictures, cut

    @pytest.mark.parametrize("content", SILENT.values(), ids=SILENT.keys())
    def test_are_not_claimed_where_nothing_can_be_told(self, tmp_path, content):
        path = tmp_path / "file"
        path.write_bytes(content)

        assert missing_bytes(path) == 0

    def test_are_counted_where_the_length_is_announced(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(WHOLE["mp4"][:-42])

        assert missing_bytes(path) == 42
        assert is_iso_media(path)

    def test_are_none_in_real_videos(self, data):
        videos = [*(data / "videos").iterdir(), *(data / "mot").glob("*/*.mp4")]

        assert {video.name: missing_bytes(video) for video in videos if missing_bytes(video)} == {}
