"""A simulated RTSP camera: ``python -m benchmarks.camera.rtsp``; prints its address when it serves."""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from typing import Any

import numpy as np

from benchmarks.camera import barcode

NOISE_PICTURES = 8
VIDEO_S = 4

Plane = np.ndarray[Any, np.dtype[np.uint8]]
"""A frame as one plane: luma, then chroma."""

LISTENING_S = 0.1
"""From a client's wish to play to the moment when everything that is sent reaches it."""

ENCODERS = {
    # Sliced threads would send parameter sets before each slice, which some decoders show half corrupt.
    "h264": (
        "x264enc tune={tune} speed-preset=ultrafast sliced-threads=false threads=1 bitrate={bitrate}"
        " key-int-max={gop} bframes={bframes} ! video/x-h264,profile={profile}"
        " ! rtph264pay name=pay0 pt=96 config-interval=-1"
    ),
    "h265": (
        "x265enc tune=zerolatency speed-preset=ultrafast bitrate={bitrate} key-int-max={gop}"
        " option-string=pools=1:frame-threads=1:log-level=none ! rtph265pay name=pay0 pt=96 config-interval=-1"
    ),
    "mjpeg": "jpegenc quality=80 ! rtpjpegpay name=pay0 pt=26",
}

SOUND = "audiotestsrc is-live=true volume=0.1 ! alawenc ! rtppcmapay name=pay1 pt=8"


class Camera:
    """Serves one stream to any number of clients.

    Args:
        options: The command line's options.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstRtspServer", "1.0")
        gi.require_version("GstVideo", "1.0")
        from gi.repository import Gst, GstRtspServer, GstVideo

        Gst.init(None)
        self._gst, self._rtsp, self._video = Gst, GstRtspServer, GstVideo
        self._options = options
        self._frame = _background(options)
        self._pictures = _video(options) if options.video else _noise(options, self._frame)
        self._sequence = 0
        self._keyframe_at = float("inf")
        self._server = GstRtspServer.RTSPServer.new()
        self._server.set_address("127.0.0.1")
        self._server.set_service(str(options.port))

    def serve(self) -> None:
        """Serve until the process is ended."""
        from gi.repository import GLib

        factory = self._rtsp.RTSPMediaFactory.new()
        sound = SOUND if self._options.sound else ""
        factory.set_launch(f"( {self._source()} ! {self._encoder()} {sound} )")
        factory.set_shared(True)
        if self._options.transport:
            factory.set_protocols(getattr(_gst_rtsp().RTSPLowerTrans, self._options.transport.upper()))
        factory.connect("media-configure", self._on_media)
        if self._options.user or self._options.certificate:
            self._protect(factory)
        self._server.get_mount_points().add_factory("/live", factory)
        self._server.connect("client-connected", self._on_client)
        if not self._server.attach(None):
            sys.exit(f"cannot listen on port {self._options.port}")
        scheme = "rtsps" if self._options.certificate else "rtsp"
        print(f"{scheme}://127.0.0.1:{self._server.get_bound_port()}/live", flush=True)
        GLib.MainLoop().run()

    def _source(self) -> str:
        o = self._options
        caps = f"video/x-raw,format={o.format},width={o.width},height={o.height},framerate={o.rate}/1"
        return f"appsrc name=frames is-live=true format=time caps={caps}"

    def _encoder(self) -> str:
        o = self._options
        tune = "zerolatency" if not o.bframes else "0"
        profile = "high-4:4:4" if o.format == "Y444" else "high" if o.bframes else "main"
        return ENCODERS[o.codec].format(
            tune=tune, bitrate=o.bitrate, gop=o.gop, bframes=o.bframes, profile=profile
        )

    def _protect(self, factory: Any) -> None:
        """Ask for a login, or speak TLS, or both."""
        from gi.repository import Gio

        o, auth, viewer = self._options, self._rtsp.RTSPAuth.new(), self._rtsp.RTSPToken.new()
        viewer.set_string("media.factory.role", "viewer")
        if o.certificate:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(o.certificate))
        if not o.user:
            auth.set_default_token(viewer)
        elif o.digest:
            auth.set_supported_methods(_gst_rtsp().RTSPAuthMethod.DIGEST)
            auth.add_digest(o.user, o.password, viewer)
        else:
            auth.add_basic(self._rtsp.RTSPAuth.make_basic(o.user, o.password), viewer)
        self._server.set_auth(auth)
        permissions = self._rtsp.RTSPPermissions.new()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)

    def _on_client(self, _server: Any, client: Any) -> None:
        client.connect("play-request", self._on_play)

    def _on_play(self, *_: Any) -> None:
        """Send a keyframe soon: what was sent before the client listened is lost."""
        self._keyframe_at = time.monotonic() + LISTENING_S

    def _on_media(self, _factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name_recurse_up("frames")
        threading.Thread(target=self._feed, args=(source,), daemon=True).start()

    def _feed(self, source: Any) -> None:
        """Push frames at their pace until the media is gone, with stamps as regular as those of a sensor."""
        gst = self._gst
        while source.get_state(0)[1] != gst.State.PLAYING:
            time.sleep(0.005)
        due = time.monotonic()
        begin = source.get_clock().get_time() - source.get_base_time()
        for number in itertools.count():
            due += 1 / self._options.rate
            time.sleep(max(0.0, due - time.monotonic()))
            if self._pictures:
                self._frame[:] = self._pictures[number % len(self._pictures)]
            barcode.draw(self._frame[: self._options.height], time.monotonic_ns() // 1000, self._sequence)
            self._sequence += 1
            if time.monotonic() > self._keyframe_at:
                self._keyframe_at = float("inf")
                source.send_event(
                    self._video.video_event_new_downstream_force_key_unit(
                        gst.CLOCK_TIME_NONE, gst.CLOCK_TIME_NONE, gst.CLOCK_TIME_NONE, True, 1
                    )
                )
            buffer = gst.Buffer.new_wrapped(self._frame.tobytes())
            buffer.pts = begin + number * gst.SECOND // self._options.rate
            if source.emit("push-buffer", buffer) != gst.FlowReturn.OK:
                return


def _gst_rtsp() -> Any:
    from gi.repository import GstRtsp

    return GstRtsp


def _background(options: argparse.Namespace) -> Plane:
    """Return a frame as one plane: luma, then chroma; a gradient, so that there is something to encode."""
    luma = np.tile(np.linspace(40, 200, options.width).astype(np.uint8), (options.height, 1))
    chroma_lines = options.height * 2 if options.format == "Y444" else options.height // 2
    return np.concatenate([luma, np.full((chroma_lines, options.width), 128, np.uint8)])


def _noise(options: argparse.Namespace, background: Plane) -> list[Plane]:
    """Return frames of coarse noise below the barcode, which cost the encoder what its bitrate allows."""
    if not options.noise:
        return []
    random = np.random.default_rng(0)
    height = options.height - barcode.HEIGHT
    blocks = random.integers(40, 200, (NOISE_PICTURES, height // 8 + 1, options.width // 8 + 1), np.uint8)
    frames = np.repeat(background[None], NOISE_PICTURES, axis=0)
    noise = blocks.repeat(8, axis=1).repeat(8, axis=2)
    frames[:, barcode.HEIGHT : options.height] = noise[:, :height, : options.width]
    return list(frames)


def _video(options: argparse.Namespace) -> list[Plane]:
    """Return the first seconds of a video in the camera's size, there and back again."""
    import av

    with av.open(options.video) as container:
        pictures = itertools.islice(container.decode(video=0), options.rate * VIDEO_S)
        planes = [
            picture.reformat(options.width, options.height, "yuv420p").to_ndarray() for picture in pictures
        ]
    return planes + planes[-2:0:-1]


def main() -> None:
    """Serve a camera as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--codec", choices=tuple(ENCODERS), default="h264")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--rate", type=int, default=30)
    parser.add_argument("--gop", type=int, default=30)
    parser.add_argument("--bframes", type=int, default=0)
    parser.add_argument("--bitrate", type=int, default=1000, help="kbit/s")
    parser.add_argument("--format", choices=("I420", "Y444"), default="I420")
    parser.add_argument("--noise", type=int, choices=(0, 1), default=0, help="a picture that is hard to encode")
    parser.add_argument("--video", default="", help="a file whose people are in the picture")
    parser.add_argument("--sound", type=int, choices=(0, 1), default=0, help="a second stream, of sound")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--transport", choices=("tcp", "udp"), help="the only one that is offered")
    parser.add_argument("--digest", type=int, choices=(0, 1), default=0, help="logins as hashes, not as text")
    parser.add_argument("--certificate", default="", help="a PEM file with its key: TLS is spoken")
    Camera(parser.parse_args()).serve()


if __name__ == "__main__":
    main()
