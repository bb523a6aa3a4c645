"""``sitepose``, ``sitepose --camera ...``: the live window, and the same without one."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitepose.app.signals import heard
from sitepose.core.errors import ConfigError, PipelineError, PluginError, SiteposeError

if TYPE_CHECKING:
    from sitepose.app.config import RunConfig
    from sitepose.app.live.events import LiveEvent

INSTALL_WINDOW = "the window needs Qt: pip install 'sitepose[gui]' (or choose --headless, or --video FILE)"

NO_SCREEN = "there is no screen for the window: choose --video FILE, or --headless with a camera; see --help"

Location = tuple[str, dict[str, Any]]
"""What to open, and its settings."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose live sources."""
    live = parser.add_argument_group("live")
    live.add_argument(
        "--camera", action="append", default=[], metavar="N|PATH",
        help="a local camera; also loop:FILE or test:. May be given several times",
    )  # fmt: skip
    live.add_argument(
        "--url", action="append", default=[], metavar="URL",
        help="a network camera: rtsp:// or http(s)://. May be given several times",
    )  # fmt: skip
    live.add_argument(
        "--gst", action="append", default=[], metavar="PIPELINE",
        help="a GStreamer pipeline; it may do whatever GStreamer can",
    )  # fmt: skip
    live.add_argument(
        "--sub-url", action="append", default=[], metavar="URL",
        help="a smaller stream of the camera, looked at while that of --url is recorded; one for each",
    )  # fmt: skip
    live.add_argument("--user", metavar="NAME", help="who logs in at the network camera")
    live.add_argument(
        "--password-file", type=Path, metavar="FILE",
        help="first line: the password. On the command line, others could read it",
    )  # fmt: skip
    live.add_argument("--transport", choices=("tcp", "udp"), help="of RTSP cameras; default tcp")
    live.add_argument(
        "--no-verify-tls",
        action="store_true",
        help="rtsps:// and https:// with any certificate, as most cameras have",
    )
    live.add_argument(
        "--record", nargs="?", type=Path, const=Path("sessions"), metavar="DIR",
        help="record every camera from the start, a site session each, in DIR; default: sessions",
    )  # fmt: skip
    privacy = live.add_mutually_exclusive_group()
    privacy.add_argument(
        "--blur-faces", action="store_true", help="record video in which nobody can be recognized"
    )
    privacy.add_argument("--poses-only", action="store_true", help="record how people moved, and no video")
    live.add_argument("--headless", action="store_true", help="no window: write poses until interrupted")


def wanted(arguments: argparse.Namespace) -> bool:
    """Return whether the command line asks for something live: a camera, or nothing at all."""
    private = arguments.blur_faces or arguments.poses_only  # else nobody would say that a video has none of it
    return bool(arguments.camera or arguments.url or arguments.gst or private) or not arguments.video


def run(arguments: argparse.Namespace) -> int:
    """Show the window, or run without one."""
    from sitepose.app.logs import configure_logs

    configure_logs(arguments.verbose)
    _check_privacy(arguments)
    locations = _locations(arguments)
    _keep_secret(locations, arguments)
    if arguments.headless:
        if not locations:
            raise ConfigError("--headless: name a source with --camera, --url or --gst")
        return _run_headless(locations, _config(arguments), arguments)
    return _run_window(locations, arguments)


def _check_privacy(arguments: argparse.Namespace) -> None:
    """Refuse what would record people who are not to be recognized.

    Raises:
        ConfigError: The option says what is recorded, and something else would be, or nothing.
    """
    option = "--blur-faces" if arguments.blur_faces else "--poses-only"
    if not (arguments.blur_faces or arguments.poses_only):
        return
    if arguments.video:
        raise ConfigError(f"{option}: is for cameras that are recorded, not for --video")
    if arguments.record is None:
        raise ConfigError(f"{option}: says what --record leaves out; add --record")


def _locations(arguments: argparse.Namespace) -> list[Location]:
    login: dict[str, Any] = {} if arguments.transport is None else {"transport": arguments.transport}
    if arguments.no_verify_tls:
        login["verify_tls"] = False
    if arguments.user is not None:
        login |= {"user": arguments.user, "password": _password(arguments.password_file)}
    elif arguments.password_file is not None:
        raise ConfigError("--password-file: needs --user as well")
    if arguments.sub_url and len(arguments.sub_url) != len(arguments.url):
        raise ConfigError(f"--sub-url: expected one for each --url, of which there are {len(arguments.url)}")
    subs = [{"sub": url} for url in arguments.sub_url] or [{}] * len(arguments.url)
    network = [(url, {**login, **sub}) for url, sub in zip(arguments.url, subs, strict=True)]
    return [
        *((camera, {}) for camera in arguments.camera),
        *network,
        *(("", {"pipeline": pipeline}) for pipeline in arguments.gst),
    ]


def _keep_secret(locations: list[Location], arguments: argparse.Namespace) -> None:
    """Keep logins out of our logs and out of the list of processes."""
    from sitepose.app.cli.logins import keep_secret
    from sitepose.app.live.inputs import source_secrets

    hidden = [source_secrets(location, **settings) for location, settings in locations]
    addresses = [*arguments.camera, *arguments.url, *arguments.sub_url, *arguments.gst]
    keep_secret(hidden, [*addresses, *filter(None, [arguments.user])])


def _password(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return (file.read_text(encoding="utf-8").splitlines() or [""])[0]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--password-file: cannot read {file}: {error}") from error


def _config(arguments: argparse.Namespace) -> RunConfig:
    from sitepose.app.cli.run import overrides
    from sitepose.app.config import read_config

    return read_config(
        arguments.config,
        preset=arguments.preset,
        overrides=overrides(arguments),
        assignments=arguments.assignments,
    )


def _run_window(locations: list[Location], arguments: argparse.Namespace) -> int:
    if find_spec("qtpy") is None or not any(map(find_spec, ("PyQt5", "PyQt6", "PySide2", "PySide6"))):
        raise PluginError(INSTALL_WINDOW)
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in screens):
        raise ConfigError(NO_SCREEN)
    from sitepose.app.cli.run import overrides
    from sitepose.app.gui.model import SessionModel
    from sitepose.app.gui.views.application import WindowWishes, run_window
    from sitepose.app.live.views import FIRST

    given = bool(overrides(arguments) or arguments.config or arguments.preset or arguments.assignments)
    config = _config(arguments)

    def change(model: SessionModel) -> None:
        if given:  # else what the last window was left with
            model.configs[FIRST] = config
        if arguments.record is not None:
            model.sessions = arguments.record
        if arguments.blur_faces or arguments.poses_only:
            model.kept = "blurred" if arguments.blur_faces else "poses"

    wishes = WindowWishes(
        locations,
        record=arguments.record is not None,
        select=config.select,
        publish=config.output.publish,
        threads=config.runtime.threads,
    )
    return run_window(wishes, change)


def _run_headless(locations: list[Location], config: RunConfig, arguments: argparse.Namespace) -> int:
    from sitepose.app.live.headless import HeadlessRun, Recordings
    from sitepose.app.sessions.recording import RecordingSettings

    told: set[str] = set()

    def tell(event: LiveEvent) -> None:
        line = f"{event.source}: {event.message}" if event.source else event.message
        told.add(line)
        # In one piece: cameras have threads of their own.
        print(f"sitepose: {line}\n", end="", file=sys.stderr, flush=True)

    settings = RecordingSettings(blur_faces=arguments.blur_faces, poses_only=arguments.poses_only)
    record = None if arguments.record is None else Recordings(root=arguments.record, settings=settings)
    headless = HeadlessRun(locations, config, arguments.output, record=record, on_event=tell)
    try:
        with _stopping(headless.stop):
            reports = headless.run()
    except SiteposeError as error:
        if str(error) in told:
            return 1
        raise
    for report in reports:
        if arguments.json:
            print(json.dumps(report.as_table(), default=str))
        else:
            _print_report(report.as_table())
    if headless.failure and headless.failure not in told:
        raise PipelineError(headless.failure)
    return 1 if headless.failure else 0


def _print_report(report: Mapping[str, Any]) -> None:
    lost = ", ".join(f"{why} {count}" for why, count in report["dropped"].items() if count)
    print(
        f"{report['source']}: poses of {report['frames']} frames; not looked at: {lost or 'none'}",
        file=sys.stderr,
    )
    for kind, path in report["paths"].items():
        print(f"  {kind}: {path}", file=sys.stderr)


@contextmanager
def _stopping(stop: Any) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the run cleanly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with heard(lambda *_: stop()):
        yield
