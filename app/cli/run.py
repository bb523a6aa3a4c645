"""``sitepose --video ...``: the offline run; other words of the same command line go to the live one."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitepose.app.cli import live
from sitepose.app.signals import heard
from sitepose.core.errors import ConfigError

if TYPE_CHECKING:
    from sitepose.app.config import RunConfig
    from sitepose.app.factory import Parts
    from sitepose.app.inputs import Job
    from sitepose.app.outputs.report import RunReport
    from sitepose.app.run import VideoRun


def parse(words: Sequence[str], commands: Mapping[str, str]) -> argparse.Namespace:
    """Return the options of a run, with the function that handles them."""
    width = max(map(len, commands))
    listing = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in sorted(commands.items()))
    parser = argparse.ArgumentParser(
        prog="sitepose",
        description="Who moves where: boxes, poses and identities out of video.",
        epilog=f"commands (sitepose COMMAND --help):\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('sitepose')}")
    parser.add_argument(
        "--video",
        nargs="+",
        metavar="FILE",
        help="video files, image folders, or quoted patterns such as 'clips/*.mp4'",
    )
    live.add_options(parser)
    _add_part_options(parser)
    _add_input_options(parser)
    _add_output_options(parser)
    arguments = parser.parse_args(words)
    if arguments.video and (arguments.camera or arguments.url or arguments.gst or arguments.headless):
        parser.error("--video runs offline; give either it or --camera, --url, --gst, --headless")
    arguments.handler = live.run if live.wanted(arguments) else run
    return arguments


def _add_part_options(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_argument_group("what to run")
    parts.add_argument(
        "--preset",
        choices=("portable", "fast", "balanced", "accurate"),
        help="detector and pose network by purpose",
    )
    parts.add_argument(
        "--detector", metavar="NAME[:FILE]", help="plug-in or model card, and the weights file to use"
    )
    parts.add_argument(
        "--detect-every", metavar="N|auto", help="ask the detector every N frames, the tracks in between"
    )
    parts.add_argument(
        "--pose", metavar="NAME[:FILE]", help="pose network; 'none' takes a one-stage detector's keypoints"
    )
    parts.add_argument("--codec", choices=("argmax", "quarter", "dark"), help="how heatmaps are decoded")
    parts.add_argument("--flip", action="store_true", default=None, help="average with the mirrored crop")
    parts.add_argument("--nms", metavar="NAME", help="pose-NMS: parametric, km, oks, soft-oks or none")
    parts.add_argument(
        "--person-score", choices=("box", "box*kpt", "mean", "published"), help="score of a person"
    )
    parts.add_argument("--tracker", metavar="NAME", help="tracker, or 'none'")
    parts.add_argument("--select", type=int, metavar="ID", help="keep only the person with this track id")
    parts.add_argument("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:1")
    parts.add_argument("--precision", choices=("auto", "fp32", "bf16", "fp16", "int8"), help="of the networks")
    parts.add_argument(
        "--runtime", choices=("auto", "openvino", "onnxruntime", "torch"), help="library that runs networks"
    )
    parts.add_argument(
        "--threads", type=int, metavar="N", help="threads that run networks; default every processor"
    )
    parts.add_argument("--config", type=Path, metavar="FILE", help="a TOML file with these and more settings")
    parts.add_argument(
        "--set", action="append", default=[], dest="assignments", metavar="KEY=VALUE",
        help="change one setting: detector.settings.min_score=0.4",
    )  # fmt: skip


def _add_input_options(parser: argparse.ArgumentParser) -> None:
    inputs = parser.add_argument_group("what to look at")
    inputs.add_argument("--start", type=float, metavar="S", help="seconds to skip")
    inputs.add_argument("--end", type=float, metavar="S", help="second to stop before")
    inputs.add_argument("--max-frames", type=int, metavar="N", help="frames to stop after")
    inputs.add_argument("--roi", metavar="X,Y,W,H", help="look for people in this rectangle only")
    inputs.add_argument(
        "--mask", metavar="FILE", help="people standing where this picture is black do not count"
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    output = parser.add_argument_group("what to write")
    output.add_argument("--output", type=Path, default=Path("out"), metavar="DIR", help="default: out")
    output.add_argument("--overwrite", action="store_true", help="do finished videos again")
    output.add_argument(
        "--no-overlay", action="store_false", dest="overlay", default=None, help="no overlay.mp4"
    )
    output.add_argument("--format", metavar="NAME,...", help="exports to write as well: coco, mot, csv, ...")
    output.add_argument(
        "--publish", action="append", metavar="TO",
        help="also send poses as JSON lines: -, ws://127.0.0.1:PORT or udp://HOST:PORT",
    )  # fmt: skip
    output.add_argument(
        "--save-candidates", action="store_true", default=None, help="keep what `retrack --nms` needs"
    )
    output.add_argument("--json", action="store_true", help="print the report of each video as a line of JSON")
    output.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for every detail")


def overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options as a nested table of the configuration, without those that were not given."""
    table = {
        "detector": _part(arguments.detector),
        "detect_every": _step(arguments.detect_every),
        "pose": {
            **(_part(arguments.pose) or {}),
            "settings": {"codec": arguments.codec, "flip": arguments.flip},
        },
        "nms": {**(_part(arguments.nms) or {}), "settings": {"person_score": arguments.person_score}},
        "tracker": _part(arguments.tracker),
        "select": arguments.select,
        "runtime": {
            "device": arguments.device,
            "precision": arguments.precision,
            "library": arguments.runtime,
            "threads": arguments.threads,
        },
        "input": {
            "start_s": arguments.start,
            "end_s": arguments.end,
            "max_frames": arguments.max_frames,
            "roi": _rectangle(arguments.roi),
            "mask": arguments.mask,
        },
        "output": {
            "overlay": arguments.overlay,
            "save_candidates": arguments.save_candidates,
            "publish": arguments.publish,
            "formats": arguments.format.split(",") if arguments.format else None,
        },
    }
    return _given(table)


def run(arguments: argparse.Namespace) -> int:
    """Do every video that is not done yet; one that fails does so alone."""
    from sitepose.app.config import read_config
    from sitepose.app.inputs import plan_jobs
    from sitepose.app.logs import configure_logs

    configure_logs(arguments.verbose)
    config = read_config(
        arguments.config,
        preset=arguments.preset,
        overrides=overrides(arguments),
        assignments=arguments.assignments,
    )
    jobs = plan_jobs(arguments.video, arguments.output)
    todo = [job for job in jobs if arguments.overwrite or not job.finished]
    for job in jobs:
        if job not in todo:
            print(
                f"{job.video}: kept the finished result in {job.folder} (--overwrite does it again)",
                file=sys.stderr,
            )
    return _run_all(todo, config, as_json=arguments.json) if todo else 0


def _run_all(jobs: Sequence[Job], config: RunConfig, *, as_json: bool) -> int:
    from sitepose.app.cli.display import FetchProgress, loading, print_report
    from sitepose.app.factory import build_parts
    from sitepose.app.sources import check_location

    if len(jobs) == 1:
        check_location(jobs[0].video)
    status = 0
    with loading(), FetchProgress() as fetching:
        parts = build_parts(config, progress=fetching)
    with parts:
        for job in jobs:
            report = _run_one(job, config, parts)
            # Who reads poses from standard output finds nothing else there.
            with redirect_stdout(sys.stderr if "-" in config.output.publish else sys.stdout):
                print_report(report, as_json=as_json)
            if report.status != "done":
                status = 1
            if report.status == "interrupted":
                break
    return status


def _run_one(job: Job, config: RunConfig, parts: Parts) -> RunReport:
    from sitepose.app.cli.display import RunProgress
    from sitepose.app.run import VideoRun

    with RunProgress(job.video) as progress:
        video_run = VideoRun(job.video, job.folder, config, parts, listener=progress)
        progress.run = video_run
        with _stopped_by_signals(video_run):
            return video_run.run()


@contextmanager
def _stopped_by_signals(video_run: VideoRun) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the run cleanly; a second one, a second later, ends it at once."""
    asked: list[float] = []

    def ask(_signal: int, _frame: object) -> None:
        if asked and time.monotonic() - asked[0] > 1:
            raise KeyboardInterrupt
        asked.append(time.monotonic())
        video_run.stop()

    with heard(ask):
        yield


def _part(text: str | None) -> dict[str, Any] | None:
    """Return ``NAME[:FILE]`` as a table."""
    if text is None:
        return None
    name, _, file = text.partition(":")
    return {"name": name, "file": file} if file else {"name": name}


def _step(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def _rectangle(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ConfigError(f"--roi {text!r}: expected four whole numbers x,y,w,h") from None


def _given(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table without what is None, and without tables that are empty then."""
    result = {}
    for key, value in table.items():
        inner = _given(value) if isinstance(value, Mapping) else value
        if inner is not None and inner != {}:
            result[key] = inner
    return result
