"""Real cameras for the tests: RTSP and HTTP servers on loopback, with a time barcode in their pixels."""

from __future__ import annotations

import base64
import itertools
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from sitepose.plugins.sources.live.choose import live_settings, open_live
from sitepose.plugins.sources.live.gst_library import has_gstreamer

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))  # for the simulated cameras in `benchmarks`


@pytest.fixture
def gstreamer():
    if not has_gstreamer():
        pytest.skip("needs GStreamer and PyGObject: scripts/setup-live.sh")


SMALL = {
    "rtsp": {"width": 320, "height": 180, "rate": 30, "gop": 15, "bitrate": 600},
    "http": {"width": 320, "height": 180, "rate": 30},
}


@pytest.fixture(scope="session")
def shared_camera():
    """Starts cameras that several tests look at: ``shared_camera("rtsp", codec="h265")``."""
    from benchmarks.camera.process import CameraProcess

    running = {}
    with ExitStack() as cameras:

        def start(module, **options):
            key = (module, *sorted(options.items()))
            if key not in running:
                running[key] = cameras.enter_context(CameraProcess(module, **{**SMALL[module], **options}))
            return running[key]

        yield start


@pytest.fixture
def rtsp_camera(gstreamer, shared_camera):
    """Gives RTSP cameras that must not be harmed: ``rtsp_camera(codec="h265")``."""
    return partial(shared_camera, "rtsp")


@pytest.fixture
def http_camera(shared_camera):
    """Gives MJPEG cameras that must not be harmed."""
    return partial(shared_camera, "http")


@pytest.fixture
def own_camera(gstreamer):
    """Starts RTSP cameras that may be killed."""
    from benchmarks.camera.process import CameraProcess

    with ExitStack() as cameras:
        yield lambda **options: cameras.enter_context(CameraProcess("rtsp", **{**SMALL["rtsp"], **options}))


@pytest.fixture
def live():
    """Opens sources, with short waits, and closes them again; their events are in ``source.events``."""
    sources = []

    def start(location, *, backend="auto", **settings):
        events = []
        quick = {"retry_s": (0.05, 0.2), "give_up_s": 20}
        source = open_live(
            live_settings(location, **{**quick, **settings}), backend=backend, listener=events.append
        )
        source.events = events
        sources.append(source)
        return source

    yield start
    for source in sources:
        source.close()


@pytest.fixture
def take():
    return lambda source, count: [next(source) for _ in range(count)]


CODECS = {".avi": ("mpeg4", "yuv420p"), ".gif": ("gif", "rgb8")}


def encode(path, *, frames=25, rate=25, size_wh=(128, 96), options=None, **container):
    """Write a video of grey frames, each a little lighter; in H.264 unless its name says otherwise."""
    codec, pixels = CODECS.get(path.suffix, ("libx264", "yuv420p"))
    with av.open(str(path), "w", **container) as output:
        stream = output.add_stream(codec, rate=rate, options={"g": "10", **(options or {})})
        stream.width, stream.height = size_wh
        stream.pix_fmt = pixels
        for n in range(frames):
            image = np.full((size_wh[1], size_wh[0], 3), 20 + 8 * n % 200, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)))
        output.mux(stream.encode())


@pytest.fixture
def video_file(tmp_path):
    """A file with B-frames, its number of frames, and its rate."""
    encode(tmp_path / "clip.mp4", frames=25, rate=25)
    return tmp_path / "clip.mp4", 25, 25


@pytest.fixture
def write_video(tmp_path):
    """Writes a second of video; gives its path, its number of frames, and its rate."""

    def write(name):
        encode(tmp_path / name, frames=25, rate=25)
        return tmp_path / name, 25, 25

    return write


@contextmanager
def web_server(folder, authorization=""):
    """Serve a folder, to those who log in; yield its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.headers.get("Authorization", "") == authorization:
                return super().do_GET()
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.send_header("Content-Length", "0")
            return self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hls_server(tmp_path):
    """Serves a playlist that is complete; gives its address, with the login that it asks for."""
    encode(tmp_path / "live.m3u8", frames=100, format="hls", container_options={"hls_time": "1"})
    with ExitStack() as servers:

        def start(login=""):
            proof = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
            address = servers.enter_context(web_server(tmp_path, proof))
            return f"{address.replace('://', f'://{login}@') if login else address}/live.m3u8"

        yield start


@pytest.fixture
def live_hls(tmp_path, wait_until):
    """The address of a playlist to which a second of video is added every second."""
    ended = threading.Event()
    options = {"hls_time": "1", "hls_list_size": "4", "hls_flags": "delete_segments+temp_file"}

    def film():
        with av.open(str(tmp_path / "live.m3u8"), "w", format="hls", container_options=options) as output:
            codec = {"g": "25", "tune": "zerolatency", "preset": "ultrafast"}
            stream = output.add_stream("libx264", rate=25, options=codec)
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
            began = time.monotonic()
            for number in itertools.count():
                if ended.wait(max(0.0, began + number / 25 - time.monotonic())):
                    return
                image = np.full((96, 128, 3), number % 200, np.uint8)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))

    camera = threading.Thread(target=film)
    camera.start()
    with web_server(tmp_path) as address:
        wait_until(lambda: len(list(tmp_path.glob("*.ts"))) > 3)
        yield f"{address}/live.m3u8"
        ended.set()
        camera.join()


class Collector:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.packets = []

    def put(self, packet):
        self.packets.append(packet)


@pytest.fixture
def collector():
    return Collector()


@pytest.fixture(autouse=True)
def every_thread_ends(no_thread_is_left):
    """Holds every test of this folder to it."""
