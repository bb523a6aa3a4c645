"""``sitepose record``: cameras recorded without anybody watching, and without models."""

from __future__ import annotations

import argparse
import json
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitepose.app.cli import record_poses

if TYPE_CHECKING:
    from sitepose.app.sessions.recorder import RecordingSettings
    from sitepose.app.sessions.triggers import Trigger
    from sitepose.app.sessions.unattended import Plan, UnattendedRecording
    from sitepose.plugins.sources.live.settings import LiveSettings

TICK_S = 0.2
STATUS_S = 10.0
"""How often a terminal is told where the recording is."""


def add_parser(subparsers: Any) -> None:
    """Add ``record`` and its options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "record",
        help="record cameras, without models unless faces are to be blurred",
        description="Record cameras until Ctrl-C or SIGTERM. What a power cut left behind is repaired first.",
        epilog="While it records, a line typed here is a marker with that text.",
    )
    _add_source_options(parser)
    when = parser.add_argument_group("when")
    when.add_argument("--record-when", choices=("always", "people", "motion"), default="always")
    when.add_argument("--detector", metavar="NAME[:FILE]", help="who finds people; default centernet")
    when.add_argument("--tail", type=float, default=10.0, metavar="S", help="seconds after the last of it")
    when.add_argument("--preroll", type=float, default=10.0, metavar="S", help="seconds before the first of it")
    when.add_argument(
        "--schedule", default="", metavar="TIMES", help="such as 'mon-fri 07:00-19:00, sat 10:00-14:00'"
    )
    when.add_argument("--duration", type=float, metavar="S", help="seconds to stop after")
    _add_disk_options(parser)
    record_poses.add_options(parser)
    parser.add_argument("--json", action="store_true", help="say everything as JSON lines")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for every detail")


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    sources = parser.add_argument_group("what")
    sources.add_argument(
        "source", nargs="*", metavar="SOURCE", help="0, /dev/..., rtsp://, http://, test:, loop:FILE"
    )
    sources.add_argument("--gst", action="append", default=[], metavar="PIPELINE", help="a GStreamer pipeline")
    sources.add_argument(
        "--logins", type=Path, metavar="FILE", help="a netrc file: machine HOST login U password P"
    )
    sources.add_argument("--transport", choices=("tcp", "udp"), default="tcp", help="of RTSP cameras")
    sources.add_argument("--size", metavar="WxH", help="asked of local cameras")
    sources.add_argument("--rate", type=float, metavar="FPS", help="asked of local cameras")
    sources.add_argument("--backend", choices=("auto", "gstreamer", "pyav", "opencv"), default="auto")


def _add_disk_options(parser: argparse.ArgumentParser) -> None:
    disk = parser.add_argument_group("where")
    disk.add_argument("--output", type=Path, default=Path("sessions"), metavar="DIR", help="default: sessions")
    disk.add_argument("--segment", type=float, default=300.0, metavar="S", help="seconds of a file of video")
    disk.add_argument("--segment-size", default="1GB", metavar="SIZE", help="size of a file of video")
    disk.add_argument("--session", type=float, default=24.0, metavar="HOURS", help="length of a session")
    disk.add_argument("--reserve", default="1GB", metavar="SIZE", help="free space to leave")
    disk.add_argument(
        "--ring", metavar="SIZE", help="delete the oldest unmarked video of a session beyond this"
    )
    disk.add_argument("--consent", default="", metavar="TEXT", help="who agreed to be recorded")
    disk.add_argument("--retention", default="", metavar="TEXT", help="how long it may be kept")


def run(arguments: argparse.Namespace) -> int:
    """Record until told to stop; 1 if a recording ended by itself."""
    from sitepose.app.cli.logins import keep_secret
    from sitepose.app.logs import configure_logs
    from sitepose.core.errors import ConfigError

    configure_logs(arguments.verbose)
    if not arguments.source and not arguments.gst:
        raise ConfigError("record: name a source, such as 0, rtsp://HOST/PATH or test:")
    with_networks = record_poses.wanted(arguments)
    locations = _locations(arguments)
    cameras = [_settings(location, values) for location, values in locations]
    keep_secret([camera.address().secrets for camera in cameras], arguments.source)
    say = _speaker(as_json=arguments.json)
    if with_networks:
        backend = {"backend": arguments.backend}
        chosen = [(location, {**backend, **values}) for location, values in locations]
        recording = record_poses.PosesRecording(chosen, arguments, _recording(arguments), say)
        with stop_signals(recording.stop):
            return recording.run()
    with ExitStack() as closers, stop_signals() as stopped:
        trigger = _trigger(arguments, closers)
        recordings = [_start(camera, arguments, trigger, say, closers) for camera in cameras]
        _wait(recordings, arguments.duration, say, stopped)
        closers.close()
    _report(recordings, as_json=arguments.json)
    return 1 if any(recording.failure for recording in recordings) else 0


def _locations(arguments: argparse.Namespace) -> list[tuple[str, dict[str, Any]]]:
    """Return the cameras, each with its settings."""
    from sitepose.app.cli.logins import login_of, read_logins

    gated = arguments.record_when != "always" or bool(arguments.schedule)
    values: dict[str, Any] = {
        "transport": arguments.transport,
        "size_wh": _size(arguments.size),
        "frame_rate": arguments.rate,
        "decode": arguments.record_when != "always" or arguments.blur_faces or arguments.poses_only,
        "preroll_s": arguments.preroll,
        "encode_always": gated,
    }
    logins = read_logins(arguments.logins) if arguments.logins else {}
    locations = []
    for location in arguments.source:
        login = login_of(location, logins)
        user, password = (login.user, login.password) if login else (None, None)
        locations.append((location, {"user": user, "password": password, **values}))
    return locations + [("", {"pipeline": text, **values}) for text in arguments.gst]


def _settings(location: str, values: Mapping[str, Any]) -> LiveSettings:
    from sitepose.plugins.sources.live.choose import live_settings, pipeline_settings

    if "pipeline" in values:
        return pipeline_settings(values["pipeline"], **{k: v for k, v in values.items() if k != "pipeline"})
    return live_settings(location, **values)


def _start(
    camera: LiveSettings,
    arguments: argparse.Namespace,
    trigger: Callable[[], Trigger] | None,
    say: Callable[[str, str], None],
    closers: ExitStack,
) -> UnattendedRecording:
    from sitepose.app.sessions.unattended import UnattendedRecording
    from sitepose.plugins.sources.live.choose import open_live

    source = open_live(camera, backend=arguments.backend)
    closers.callback(source.close)
    recording = UnattendedRecording(source, _plan(arguments, trigger, camera.described()), say)
    closers.callback(recording.close)
    return recording


def _plan(
    arguments: argparse.Namespace, trigger: Callable[[], Trigger] | None, described: dict[str, Any]
) -> Plan:
    from sitepose.app.sessions.schedule import parse_schedule
    from sitepose.app.sessions.unattended import Plan

    return Plan(
        root=arguments.output,
        settings=_recording(arguments),
        schedule=parse_schedule(arguments.schedule),
        trigger=trigger() if trigger else None,
        session_s=arguments.session * 3600,
        tail_s=arguments.tail,
        described=described,
    )


def _recording(arguments: argparse.Namespace) -> RecordingSettings:
    from sitepose.app.sessions.disk import parse_size
    from sitepose.app.sessions.recorder import RecordingSettings
    from sitepose.core.settings import check

    values = {
        "segment_s": arguments.segment,
        "segment_bytes": parse_size(arguments.segment_size),
        "reserve_bytes": parse_size(arguments.reserve),
        "ring_bytes": parse_size(arguments.ring) if arguments.ring else None,
        "blur_faces": arguments.blur_faces,
        "poses_only": arguments.poses_only,
        "consent": arguments.consent,
        "retention": arguments.retention,
    }
    return check(RecordingSettings, values, where="record:")


def _trigger(arguments: argparse.Namespace, closers: ExitStack) -> Callable[[], Trigger] | None:
    """Return what makes the trigger of a camera; a detector is loaded once for all of them."""
    from sitepose.app.sessions.triggers import Motion, People

    if arguments.record_when == "always":
        return None
    if arguments.record_when == "motion":
        return Motion
    from sitepose.app.choices import choose
    from sitepose.app.config import PartConfig
    from sitepose.app.factory import PartLoader
    from sitepose.models.runtimes.api import RuntimeOptions
    from sitepose.models.runtimes.workers import Workers

    name, _, file = (arguments.detector or "centernet").partition(":")
    choice = choose("detector", PartConfig(name=name, file=file or None))
    workers = Workers(1)
    closers.callback(workers.close)
    detector = PartLoader(RuntimeOptions(), workers, None, closers).load(choice)
    return lambda: People(detector)


def _wait(
    recordings: Sequence[UnattendedRecording],
    duration: float | None,
    say: Callable[[str, str], None],
    stopped: Callable[[], bool],
) -> None:
    """Wait for the end, and pass on markers that are typed."""
    began = status_at = time.monotonic()
    typed = sys.stdin.isatty()
    ended: set[str] = set()
    while not stopped() and any(recording.running for recording in recordings):
        now = time.monotonic()
        for recording in recordings:  # one of several; the last one's reason is told at the end
            if not recording.running and recording.name not in ended:
                ended.add(recording.name)
                say(recording.name, f"ended: {recording.failure}")
        if duration is not None and now - began >= duration:
            return
        if now - status_at >= STATUS_S and sys.stderr.isatty():
            status_at = now
            for recording in recordings:
                say(recording.name, _status(recording))
        if typed and select.select([sys.stdin], [], [], TICK_S)[0]:
            line = sys.stdin.readline()
            typed = bool(line)
            for recording in recordings:
                recording.recorder.mark(line.strip())
        else:
            time.sleep(TICK_S)


def _status(recording: UnattendedRecording) -> str:
    from sitepose.app.sessions.disk import show_duration, show_size

    stats = recording.recorder.stats
    left = stats.disk.seconds_left
    lost = stats.dropped + stats.overflowed
    room = f", disk lasts {show_duration(left)}" if left is not None else ""
    return f"{show_duration(stats.seconds)}, {show_size(stats.bytes)}, {lost} frames lost{room}"


def _report(recordings: Sequence[UnattendedRecording], *, as_json: bool) -> None:
    from sitepose.app.sessions.disk import show_duration, show_size

    for recording in recordings:
        stats = recording.recorder.stats
        if as_json:
            report = {
                "source": recording.name,
                "folders": [str(folder) for folder in recording.folders],
                "frames": stats.frames,
                "dropped": stats.dropped,
                "deleted": stats.deleted,
                "overflowed": stats.overflowed,
                "seconds": round(stats.seconds, 3),
                "bytes": stats.bytes,
                "failure": recording.failure,
            }
            print(json.dumps(report), flush=True)
        elif recording.failure:
            print(f"sitepose: {recording.failure}", file=sys.stderr)
        else:
            amount = f"{show_duration(stats.seconds)}, {stats.frames} frames, {show_size(stats.bytes)}"
            gone = f", {stats.deleted} of them deleted by the ring buffer" if stats.deleted else ""
            print(f"{recording.recorder.folder}: {amount}, {stats.dropped} dropped{gone}")


def _speaker(*, as_json: bool) -> Callable[[str, str], None]:
    def say(name: str, text: str) -> None:
        if as_json:
            print(json.dumps({"wall": round(time.time(), 3), "source": name, "event": text}), flush=True)
        else:
            print(f"{name}: {text}", file=sys.stderr, flush=True)

    return say


def _size(text: str | None) -> tuple[int, int] | None:
    from sitepose.core.errors import ConfigError

    if text is None:
        return None
    width, by, height = text.lower().partition("x")
    if not (by and width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"--size {text!r}: expected WIDTHxHEIGHT, such as 1280x720")
    return int(width), int(height)


@contextmanager
def stop_signals(stop_now: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Yield what says whether SIGINT or SIGTERM has come; a second one ends the program as usual.

    Args:
        stop_now: Called as soon as one comes; it must take no lock.
    """
    seen: list[int] = []

    def stop(number: int, _frame: object) -> None:
        seen.append(number)
        stop_now()
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
