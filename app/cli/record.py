"""``sitepose record``: cameras recorded without anybody watching, and without models."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitepose.app.cli import record_poses, record_watch

if TYPE_CHECKING:
    from sitepose.app.sessions.recorder import RecordingSettings
    from sitepose.app.sessions.triggers import Trigger
    from sitepose.app.sessions.unattended import Plan, Say, UnattendedRecording
    from sitepose.plugins.sources.live.settings import LiveSettings

Start = Callable[["LiveSettings"], "UnattendedRecording"]
"""Begins to record a camera."""


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
    sources.add_argument(
        "--no-verify-tls",
        action="store_true",
        help="rtsps:// and https:// with any certificate, as most cameras have",
    )
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
    _check_numbers(arguments)
    cameras = _cameras(arguments)
    keep_secret([camera.address().secrets for camera in cameras], [*arguments.source, *arguments.gst])
    say = record_watch.speaker(as_json=arguments.json)
    with ExitStack() as closers, record_watch.stop_signals() as stopped:
        if record_poses.wanted(arguments):
            start = _start_with_networks(arguments, say, closers, stopped)
        else:
            start = _start_without(arguments, say, closers)
        recordings = [start(camera) for camera in cameras] if not stopped() else []
        record_watch.wait(recordings, arguments.duration, say, stopped)
        closers.close()
    record_watch.report(recordings, as_json=arguments.json)
    return 1 if any(recording.failure for recording in recordings) else 0


def _check_numbers(arguments: argparse.Namespace) -> None:
    """Refuse what is no length of time.

    Raises:
        ConfigError: It says which option, and what would be right.
    """
    from sitepose.core.errors import ConfigError

    for name in ("segment", "session", "duration"):
        value = getattr(arguments, name)
        if value is not None and not value > 0:
            raise ConfigError(f"--{name} {value:g}: expected more than 0")
    for name in ("tail", "preroll"):
        value = getattr(arguments, name)
        if not value >= 0:
            raise ConfigError(f"--{name} {value:g}: expected 0 or more seconds")


def _cameras(arguments: argparse.Namespace) -> list[LiveSettings]:
    """Return what is to be recorded."""
    from sitepose.app.cli.logins import login_of, read_logins
    from sitepose.plugins.sources.live.choose import live_settings, pipeline_settings

    with_networks = record_poses.wanted(arguments)
    gated = arguments.record_when != "always" or bool(arguments.schedule)
    values: dict[str, Any] = {
        "transport": arguments.transport,
        "verify_tls": not arguments.no_verify_tls,
        "size_wh": _size(arguments.size),
        "frame_rate": arguments.rate,
        "decode": arguments.record_when != "always" or with_networks,
        # With networks, the pre-roll is of what they have looked at.
        "preroll_s": 0.0 if with_networks else arguments.preroll,
        "encode_always": gated and not with_networks,
    }
    logins = read_logins(arguments.logins) if arguments.logins else {}
    cameras = []
    for location in arguments.source:
        login = login_of(location, logins)
        user, password = (login.user, login.password) if login else (None, None)
        cameras.append(live_settings(location, user=user, password=password, **values))
    return cameras + [pipeline_settings(text, **values) for text in arguments.gst]


def _start_without(arguments: argparse.Namespace, say: Say, closers: ExitStack) -> Start:
    """Return what begins to record a camera as it comes."""
    from sitepose.app.sessions.unattended import UnattendedRecording
    from sitepose.plugins.sources.live.choose import open_live

    trigger = _trigger(arguments, closers)

    def start(camera: LiveSettings) -> UnattendedRecording:
        source = open_live(camera, backend=arguments.backend)
        closers.callback(source.close)
        plan = _plan(arguments, trigger() if trigger else None, camera.described())
        recording = UnattendedRecording(source, plan, say)
        closers.callback(recording.close)
        return recording

    return start


def _start_with_networks(
    arguments: argparse.Namespace, say: Say, closers: ExitStack, stopped: Callable[[], bool]
) -> Start:
    """Return what begins to record what networks have looked at of a camera."""
    from sitepose.app.sessions.triggers import Motion
    from sitepose.app.sessions.unattended import UnattendedRecording
    from sitepose.plugins.sources.live.choose import open_live

    plan = _plan(arguments, None, {})
    engine = record_poses.start_engine(arguments, say, closers, stopped)

    def start(camera: LiveSettings) -> UnattendedRecording:
        source = open_live(camera, backend=arguments.backend)
        closers.callback(source.close)
        posed = record_poses.posed_camera(engine, source, plan, arguments.preroll)
        closers.callback(posed.close)
        triggers = {"always": None, "people": posed.somebody, "motion": Motion()}
        chosen = _plan(arguments, triggers[arguments.record_when], camera.described())
        recording = UnattendedRecording(posed, chosen, say)
        closers.callback(recording.close)
        return recording

    return start


def _plan(arguments: argparse.Namespace, trigger: Trigger | None, described: Mapping[str, Any]) -> Plan:
    from sitepose.app.sessions.schedule import parse_schedule
    from sitepose.app.sessions.unattended import Plan

    return Plan(
        root=arguments.output,
        settings=_recording(arguments),
        schedule=parse_schedule(arguments.schedule),
        trigger=trigger,
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
        "segment_bytes": _some(arguments.segment_size, "--segment-size"),
        "reserve_bytes": parse_size(arguments.reserve),
        "ring_bytes": _some(arguments.ring, "--ring") if arguments.ring else None,
        "blur_faces": arguments.blur_faces,
        "poses_only": arguments.poses_only,
        "consent": arguments.consent,
        "retention": arguments.retention,
    }
    return check(RecordingSettings, values, where="record:")


def _some(text: str, option: str) -> int:
    """Return a size that is not nothing."""
    from sitepose.app.sessions.disk import parse_size
    from sitepose.core.errors import ConfigError

    size = parse_size(text)
    if not size:
        raise ConfigError(f"{option} {text}: expected more than 0")
    return size


def _trigger(arguments: argparse.Namespace, closers: ExitStack) -> Callable[[], Trigger] | None:
    """Return what makes the trigger of a camera; a detector is loaded once for all of them."""
    from sitepose.app.sessions.triggers import Motion, People

    if arguments.record_when == "always":
        return None
    if arguments.record_when == "motion":
        return Motion
    from sitepose.app.choices import choose
    from sitepose.app.config import PartConfig
    from sitepose.app.factory import PartLoader, runtime_options
    from sitepose.models.runtimes.workers import Workers

    name, _, file = (arguments.detector or "centernet").partition(":")
    choice = choose("detector", PartConfig(name=name, file=file or None))
    workers = Workers(1)
    closers.callback(workers.close)
    detector = PartLoader(runtime_options(), workers, None, closers).load(choice)
    return lambda: People(detector)


def _size(text: str | None) -> tuple[int, int] | None:
    from sitepose.core.errors import ConfigError

    if text is None:
        return None
    width, by, height = text.lower().partition("x")
    if not (by and width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"--size {text!r}: expected WIDTHxHEIGHT, such as 1280x720")
    return int(width), int(height)
