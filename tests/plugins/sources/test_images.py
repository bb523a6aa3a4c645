"""Still images: order, pixels, and what cannot be read."""

from __future__ import annotations

import logging
import struct

import cv2
import numpy as np
import pytest

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.images import ImageFolder, read_image


def opened(location, **settings):
    return ImageFolder(ImageFolder.Settings(location=str(location), **settings))


def write(path, rgb, *flags):
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 and rgb.shape[2] == 3 else rgb, list(flags))
    return path


def solid(color, size_wh=(24, 16)):
    return np.full((size_wh[1], size_wh[0], 3), color, np.uint8)


def with_orientation(jpeg, value):
    """Put an EXIF orientation into a JPEG file."""
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, value, 0, 0)
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(segment)) + segment + jpeg[2:]


@pytest.fixture
def folder(tmp_path):
    """Ten images whose red channel is their number, of two sizes, and a file that is no image."""
    for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10):
        write(tmp_path / f"shot{number}.png", solid((number, 100, 200), (24, 16) if number % 2 else (30, 20)))
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


class TestAFolder:
    def test_comes_in_the_order_of_numbers(self, folder):
        with opened(folder) as source:
            frames = list(source)

        assert [frame.image[0, 0].tolist() for frame in frames] == [[n, 100, 200] for n in range(1, 11)]
        assert [frame.name for frame in frames] == [f"shot{n}.png" for n in range(1, 11)]
        assert [frame.index for frame in frames] == list(range(10))
        assert [frame.timestamp for frame in frames] == list(range(10))
        assert [frame.pts for frame in frames] == [None] * 10
        assert {frame.source_id for frame in frames} == {folder.name}

    def test_keeps_each_images_own_size(self, folder):
        with opened(folder) as source:
            assert source.info.size_wh == (24, 16)
            assert [frame.size_wh for frame in source][:3] == [(24, 16), (30, 20), (24, 16)]

    def test_is_described_before_the_first_image(self, folder):
        with opened(folder, frame_rate=4, max_frames=6) as source:
            assert (source.info.frame_count, source.info.frame_rate) == (6, 4)
            assert [frame.timestamp for frame in source] == [0, 0.25, 0.5, 0.75, 1, 1.25]

    def test_can_be_looked_at_in_part(self, folder):
        with opened(folder, start_s=3, end_s=6) as source:
            assert [frame.index for frame in source] == [3, 4, 5]

    def test_without_images_is_refused(self, tmp_path):
        (tmp_path / "notes.txt").write_text("not an image")

        with pytest.raises(SourceError, match="the folder has no images"):
            opened(tmp_path)

    def test_leaves_out_what_cannot_be_read_and_counts_it(self, folder, caplog):
        (folder / "shot3.png").write_bytes(b"")
        (folder / "shot4.png").write_bytes(b"not an image at all")
        jpeg = write(folder / "shot5.jpg", solid((5, 5, 5), (300, 200))).read_bytes()
        (folder / "shot5.jpg").write_bytes(jpeg[: len(jpeg) // 2])

        with caplog.at_level(logging.WARNING), opened(folder) as source:
            frames = list(source)

        assert source.damaged == 3
        assert [frame.index for frame in frames] == [0, 1, 5, 6, 7, 8, 9, 10]
        assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [
            str(folder / name) for name in ("shot3.png", "shot4.png", "shot5.jpg")
        ]

    def test_of_which_nothing_can_be_read_is_refused(self, tmp_path):
        for name in ("a.png", "b.jpg"):
            (tmp_path / name).write_bytes(b"broken")

        with pytest.raises(SourceError, match=r"a.png and 1 more: cannot be read as an image"):
            opened(tmp_path)

    def test_of_real_photographs(self, data):
        with opened(data / "coco" / "images") as source:
            frames = list(source)

        assert len(frames) == source.info.frame_count == 130
        assert source.damaged == 0


class TestAPatternOrAFile:
    def test_gives_what_matches(self, folder):
        with opened(folder / "shot[13].png") as source:
            assert [frame.name for frame in source] == ["shot1.png", "shot3.png"]

    def test_gives_one_image(self, folder):
        with opened(folder / "shot7.png") as source:
            assert [frame.image[0, 0, 0] for frame in source] == [7]

    def test_that_matches_nothing_is_refused(self, folder):
        with pytest.raises(SourceError, match=r"none\*.png: no such file or folder"):
            opened(folder / "none*.png")

    def test_has_no_image_beyond_its_end(self, folder):
        with pytest.raises(SourceError, match="has no image at or after 99 s"):
            opened(folder, start_s=99)


class TestPixels:
    def test_of_16_bits_become_8(self, tmp_path):
        path = tmp_path / "deep.png"
        cv2.imwrite(str(path), np.full((4, 4, 3), (256 * 30, 256 * 60 + 128, 65535), np.uint16))

        assert np.abs(read_image(path)[0, 0].astype(int) - (255, 60, 30)).max() <= 1

    def test_of_grey_become_rgb(self, tmp_path):
        path = write(tmp_path / "grey.png", np.full((4, 4), 77, np.uint8))

        assert read_image(path)[0, 0].tolist() == [77, 77, 77]

    def test_lose_their_transparency(self, tmp_path):
        path = tmp_path / "clear.png"
        cv2.imwrite(str(path), np.full((4, 4, 4), (10, 20, 30, 0), np.uint8))

        assert read_image(path)[0, 0].tolist() == [30, 20, 10]

    @pytest.mark.parametrize("suffix", [".bmp", ".tiff", ".webp", ".jp2", ".ppm", ".jpg"])
    def test_are_the_same_in_every_format(self, tmp_path, suffix):
        path = write(tmp_path / f"image{suffix}", solid((200, 120, 40), (96, 64)))

        assert np.abs(read_image(path)[8, 12].astype(int) - (200, 120, 40)).max() <= 3

    @pytest.mark.parametrize(
        ("value", "turn"),
        [
            (1, lambda image: image),
            (2, lambda image: image[:, ::-1]),
            (3, lambda image: np.rot90(image, 2)),
            (4, lambda image: image[::-1]),
            (5, lambda image: image.transpose(1, 0, 2)),
            (6, lambda image: np.rot90(image, 3)),
            (7, lambda image: image[::-1, ::-1].transpose(1, 0, 2)),
            (8, lambda image: np.rot90(image, 1)),
        ],
    )
    def test_are_turned_upright_by_exif(self, tmp_path, value, turn):
        image = solid((0, 0, 0), (48, 32))
        image[:10, :20] = (255, 255, 255)
        path = write(tmp_path / "turned.jpg", image, cv2.IMWRITE_JPEG_QUALITY, 100)
        path.write_bytes(with_orientation(path.read_bytes(), value))

        found = read_image(path)

        assert found.shape == turn(image).shape
        assert ((found > 127) == (turn(image) > 127)).mean() > 0.99

    def test_of_names_from_elsewhere(self, tmp_path):
        path = tmp_path / "größe ☃.png"
        path.write_bytes(write(tmp_path / "plain.png", solid((1, 2, 3))).read_bytes())

        assert read_image(path)[0, 0].tolist() == [1, 2, 3]
