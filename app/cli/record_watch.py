"""What a terminal is told of recordings that go on by themselves, and what it tells them: markers, the end."""

from __future__ import annotations

import json
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sitepose.app.signals import heard

if TYPE_CHECKING:
    from sitepose.app.sessions.recording import RecorderStats
    from sitepose.app.sessions.unattended import Say, UnattendedRecording

TICK_S = 0.2
STATUS_S = 10.0
"""How often a terminal is told where the recording is."""


def wait(
    recordings: Sequence[UnattendedRecording],
    duration: float | None,
    say: Say,
    stopped: Callable[[], bool],
) -> None:
    """Wait for the end, and pass on markers that are typed."""
    began = status_at = time.monotonic()
    typed = sys.stdin.isatty()
    going = list(recordings)
    while not stopped() and any(recording.running for recording in recordings):
        now = time.monotonic()
        for recording in [other for other in going if not other.running]:
            going.remove(recording)
            if going:  # the last one's reason is told at the end
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
    gone = "not looked at" if recording.posed else "lost"
    return f"{show_duration(stats.seconds)}, {show_size(stats.bytes)}, {lost} frames {gone}{room}"


def report(recordings: Sequence[UnattendedRecording], *, as_json: bool) -> None:
    """Say what each recording has come to."""
    for recording in recordings:
        if as_json:
            print(json.dumps(_totals(recording)), flush=True)
            continue
        for folder, stats in recording.sessions:
            if not (recording.failure and folder == recording.folders[-1]):
                print(f"{folder}: {_amount(stats, posed=recording.posed)}")
        if recording.failure:
            print(f"sitepose: {recording.failure}", file=sys.stderr)


def _totals(recording: UnattendedRecording) -> dict[str, Any]:
    stats = [stats for _, stats in recording.sessions]
    return {
        "source": recording.name,
        "folders": [str(folder) for folder in recording.folders],
        "frames": sum(one.frames for one in stats),
        "dropped": sum(one.dropped for one in stats),
        "deleted": sum(one.deleted for one in stats),
        "overflowed": sum(one.overflowed for one in stats),
        "seconds": round(sum(one.seconds for one in stats), 3),
        "bytes": sum(one.bytes for one in stats),
        "failure": recording.failure,
    }


def _amount(stats: RecorderStats, *, posed: bool) -> str:
    from sitepose.app.sessions.disk import show_duration, show_size

    amount = f"{show_duration(stats.seconds)}, {stats.frames} frames, {show_size(stats.bytes)}"
    late = f", {stats.overflowed} too many for the disk" if stats.overflowed else ""
    gone = f", {stats.deleted} of them deleted by the ring buffer" if stats.deleted else ""
    return f"{amount}, {stats.dropped} {'not looked at' if posed else 'dropped'}{late}{gone}"


def speaker(*, as_json: bool) -> Say:
    """Return what tells a user what happens, for people or as JSON lines."""

    def say(name: str, text: str) -> None:
        if as_json:
            print(json.dumps({"wall": round(time.time(), 3), "source": name, "event": text}), flush=True)
        else:
            print(f"{name}: {text}", file=sys.stderr, flush=True)

    return say


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield what says whether SIGINT or SIGTERM has come; a second one ends the program as usual."""
    seen: list[int] = []

    def stop(number: int, _frame: object) -> None:
        seen.append(number)
        signal.signal(number, signal.default_int_handler)

    with heard(stop):
        yield lambda: bool(seen)
