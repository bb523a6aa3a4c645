"""Each fault for real, through each library: the line that the user reads, without any login."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.live.cameras import Camera
from sitepose.plugins.sources.live.choose import live_settings, open_live
from sitepose.plugins.sources.live.diagnosis import local

LOGIN = "us%40er:s3cr%2Fet"
SECRETS = ("s3cr", "us@er", "us%40er", "t0ken")

BACKENDS = ("gstreamer", "pyav", "opencv")

NETWORK = [
    pytest.param(
        "rtsp://{login}@127.0.0.1:{closed}/a", "unreachable",
        "port 1 of 127.0.0.1 is closed: switch RTSP on in the camera, or correct the port",
        id="port closed",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{closed}/a", "unreachable",
        "port 1 of 127.0.0.1 is closed: switch HTTP on in the camera, or correct the port",
        id="port closed, HTTP",
    ),
    pytest.param(
        "rtsp://{login}@no-such-camera.invalid/a", "unreachable",
        "no computer is called no-such-camera.invalid: check the name, or write its number,"
        " such as 192.168.1.20",
        id="name unknown",
    ),
    pytest.param(
        "rtsp://{login}@127.0.0.1:{rude}/a", "broken",
        "port {rude} of 127.0.0.1 hangs up without an answer: check that it is the camera's port for RTSP,"
        " and that it is not busy with other viewers",
        id="hangs up",
    ),
    pytest.param(
        "rtsp://{login}@127.0.0.1:{ftp}/a", "broken",
        "port {ftp} of 127.0.0.1 answers what is not RTSP: check that it is the camera's port for RTSP",
        id="another protocol",
    ),
    pytest.param(
        "rtsp://{login}@127.0.0.1:{other}/a", "unreachable",
        "the port speaks HTTP, not RTSP: write http://, or correct the port",
        id="HTTP on the port of RTSP",
    ),
    pytest.param(
        "rtsp://{login}@127.0.0.1:{tls}/a", "broken",
        "port {tls} of 127.0.0.1 speaks TLS: write rtsps://",
        id="TLS where none is expected",
    ),
    pytest.param(
        "rtsps://{login}@127.0.0.1:{web}/a", "unreachable",
        "port {web} of 127.0.0.1 does not speak TLS: write rtsp://, or correct the port",
        id="no TLS where it is expected",
    ),
    pytest.param(
        "rtsp://{login}@127.0.0.1:{sound}/a", "unsupported",
        "the camera sends sound only here: write the address of its video stream",
        id="sound only",
    ),
    pytest.param(
        "rtsp://{login}@127.0.0.1:{full}/a", "unreachable",
        "the camera serves nobody more (453 Not Enough Bandwidth): close another viewer",
        id="too many viewers",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/t?token=t0ken", "unreachable",
        "the camera has no stream at /t: look its path up in the camera's manual",
        id="404",
    ),
    pytest.param(
        "http://127.0.0.1:{web}/basic", "refused",
        "the camera asks for a user and a password: give them, or write http://USER:PASSWORD@HOST/...",
        id="no login",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/basic", "refused",
        "the camera refuses the user or password: correct them",
        id="another login",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/forbidden", "refused",
        "the camera refuses the user or password: correct them",
        id="forbidden",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/full", "unreachable",
        "the camera serves nobody more (503 Service Unavailable): close another viewer",
        id="too many viewers, HTTP",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/moved", "unreachable",
        "the camera sends us elsewhere (302 Found): write the address that it leads to",
        id="redirects for ever",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/failing", "unreachable",
        "the camera answers 500 Internal Server Error for /failing: look its address up in the camera's manual",
        id="500",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/html", "broken",
        "the camera sends a web page, not video: write the address of its stream itself",
        id="a web page",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/json", "broken",
        "the camera sends application/json, not video: write the address of its stream itself",
        id="JSON",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/empty", "ended",
        "the camera ends its stream before the first picture: restart it",
        id="MJPEG without pictures",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/junk", "broken",
        "the camera sends what is no JPEG picture as one: choose another stream of it",
        id="MJPEG without JPEG",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/gone.m3u8", "unreachable",
        "the playlist names what is not there (404 Not Found): restart the camera's stream",
        id="HLS without its video",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/none.m3u8", "unreachable",
        "the playlist names no video: wait until the camera has some",
        id="HLS with nothing in it",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/master.m3u8", "unreachable",
        "the playlist names no video: wait until the camera has some",
        id="HLS with a playlist with nothing in it",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/text.m3u8", "broken",
        "the camera sends what is no HLS playlist: correct its address",
        id="HLS that is none",
    ),
]  # fmt: skip


TIMEOUTS = [
    pytest.param(
        "rtsp://{login}@127.0.0.1:{mute}/a", "broken",
        "port {mute} of 127.0.0.1 takes the connection, but answers nothing:"
        " check that it is the camera's port for RTSP",
        id="says nothing",
    ),
    pytest.param(
        "rtsp://{login}@127.0.0.1:{lost}/a", "unreachable",
        "port {lost} of 127.0.0.1 does not answer:"
        " check that the camera is on, in this network, and its address",
        id="takes no connection",
    ),
    pytest.param(
        "http://{login}@127.0.0.1:{web}/silent", "stalled",
        "the camera begins its stream, but sends no picture: restart it",
        id="MJPEG that is silent",
    ),
]  # fmt: skip

UNTRUSTED = (
    "this computer does not trust the certificate of 127.0.0.1 (self-signed certificate):"
    " install it here, or accept it (--no-verify-tls)"
)


def fault_of(source, wait_until):
    """Return kind and text of a source's first fault."""
    wait_until(lambda: source.state in ("reconnecting", "failed"))
    event = source.events[-1]
    return event.kind, event.reason


@pytest.fixture
def told(live, wait_until, capfd):
    """Opens a source; gives kind and text of its first fault once nothing that was shown has a secret in it."""

    def tell(location, **settings):
        source = live(location, **{"retry_s": (5, 5), "connect_timeout_s": 3, **settings})
        fault = fault_of(source, wait_until)
        source.close()
        shown = "".join((repr(source.events), *capfd.readouterr()))
        assert not [secret for secret in SECRETS if secret in shown]
        return fault

    return tell


@pytest.mark.usefixtures("gstreamer")
class TestNetworkCameras:
    @pytest.mark.parametrize(("location", "kind", "line"), NETWORK)
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_says_what_is_wrong_and_what_would_be_right(self, ports, told, backend, location, kind, line):
        address = location.format(login=LOGIN, **ports)
        encrypted = {"verify_tls": False} if backend == "opencv" else {}  # it checks none

        assert told(address, backend=backend, **encrypted) == (kind, line.format(**ports))

    @pytest.mark.parametrize(("location", "kind", "line"), TIMEOUTS)
    def test_silence_is_explained_too(self, ports, told, location, kind, line):
        address = location.format(login=LOGIN, **ports)

        assert told(address, connect_timeout_s=0.5) == (kind, line.format(**ports))

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("digest", [pytest.param(0, id="Basic"), pytest.param(1, id="Digest")])
    @pytest.mark.parametrize(
        ("login", "path", "expected"),
        [
            pytest.param("", "live", ("refused", "asks for a user and a password"), id="no login"),
            pytest.param(
                "us%40er:s3cret@", "live", ("refused", "refuses the user or password"), id="a wrong one"
            ),
            pytest.param(
                "us%40er:s3cr%2Fet@", "other", ("unreachable", "no stream at /other"), id="a wrong path"
            ),
        ],
    )
    def test_rtsp_cameras_with_a_login(self, rtsp_camera, told, backend, digest, login, path, expected):
        camera = rtsp_camera(user="us@er", password="s3cr/et", digest=digest)
        kind, line = told(camera.url.replace("://", f"://{login}").replace("live", path), backend=backend)

        assert kind == expected[0]
        assert expected[1] in line

    @pytest.mark.parametrize("backend", ["gstreamer", "pyav"])
    @pytest.mark.parametrize(("offered", "asked"), [("udp", "tcp"), ("tcp", "udp")])
    def test_a_camera_with_the_other_transport(self, rtsp_camera, told, backend, offered, asked):
        kind, line = told(rtsp_camera(transport=offered).url, backend=backend, transport=asked)

        assert kind == "broken"
        assert f"try transport {offered}" in line

    @pytest.mark.parametrize("backend", ["gstreamer", "pyav"])
    def test_a_certificate_that_nobody_knows(self, rtsp_camera, ports, certificate, told, backend):
        camera = rtsp_camera(certificate=certificate)

        assert told(camera.url, backend=backend) == ("unreachable", UNTRUSTED)
        assert told("https://127.0.0.1:{tls}/html".format(**ports), backend=backend) == (
            "unreachable",
            UNTRUSTED,
        )

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_a_certificate_that_is_not_asked_for(self, rtsp_camera, certificate, live, take, backend):
        camera = rtsp_camera(certificate=certificate)

        assert take(live(camera.url, backend=backend, verify_tls=False), 1)

    def test_opencv_checks_none_and_says_so(self, ports):
        with pytest.raises(SourceError, match="--no-verify-tls"):
            open_live(live_settings("https://127.0.0.1:{tls}/html".format(**ports)), backend="opencv")


class TestLocalCameras:
    @pytest.mark.parametrize("backend", ["gstreamer", "opencv"])
    @pytest.mark.parametrize(
        ("device", "line"),
        [
            pytest.param("/dev/video99", "there is no /dev/video99: no camera is plugged in", id="not there"),
            pytest.param("/dev/null", "/dev/null is no camera: no camera is plugged in", id="no camera"),
        ],
    )
    def test_says_what_is_there(self, gstreamer, told, monkeypatch, backend, device, line):
        monkeypatch.setattr(local, "list_cameras", lambda _: [])
        kind, text = told(device, backend=backend)

        assert kind == "unreachable"
        assert text.startswith(line)

    def test_names_the_cameras_that_are_there(self, monkeypatch):
        camera = Camera("/dev/video2", "/dev/v4l/by-id/x", "HD Webcam")
        monkeypatch.setattr(local, "list_cameras", lambda _: [camera])

        assert str(local.fault_of_device(Path("/dev/video0"))).endswith("choose /dev/video2 (HD Webcam)")

    def test_permission_is_asked_for(self, monkeypatch):
        monkeypatch.setattr(os, "access", lambda *_: False)

        assert "sudo usermod -aG video" in str(local.fault_of_device(Path("/dev/null")))


@pytest.mark.parametrize("backend", ["gstreamer", "pyav"])
class TestFiles:
    @pytest.mark.parametrize(
        ("content", "line"),
        [
            pytest.param(b"", "is empty: copy it again", id="empty"),
            pytest.param(bytes(range(256)) * 20, "is no video that can be read (", id="no video"),
            pytest.param(b"# Notes\n" * 200, "is no video that can be read (", id="text"),
        ],
    )
    def test_says_what_it_is(self, gstreamer, told, tmp_path, backend, content, line):
        path = tmp_path / "clip.mp4"
        path.write_bytes(content)

        assert f"{path} {line}" in told(f"loop:{path}", backend=backend)[1]

    def test_one_that_is_taken_away(self, gstreamer, live, take, write_video, wait_until, backend):
        path, *_ = write_video("clip.mp4")
        source = live(f"loop:{path}", backend=backend)
        take(source, 3)
        path.unlink()

        wait_until(lambda: source.state == "reconnecting" and source.why() == f"no such file: {path}")
