"""``sitepose train``: settings fitted on labelled data."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sitepose.app.training.fit_nms import Fit


def add_parser(subparsers: Any) -> None:
    """Add ``train`` and its actions."""
    parser: argparse.ArgumentParser = subparsers.add_parser("train", help="fit settings on labelled data")
    actions = parser.add_subparsers(dest="action", required=True, metavar="fit-nms")
    fit_nms = actions.add_parser("fit-nms", help="settings of a pose-NMS, from saved candidates and labels")
    fit_nms.add_argument("config", type=Path, metavar="CONFIG.toml", help="what to fit, and on what")
    fit_nms.add_argument("--json", action="store_true", help="print the figures as JSON")
    fit_nms.set_defaults(action_handler=_fit_nms)


def run(arguments: argparse.Namespace) -> int:
    """Do the action; 0 done."""
    return int(arguments.action_handler(arguments))


def _fit_nms(arguments: argparse.Namespace) -> int:
    from sitepose.app.training.nms_job import read_job, run_job, write_settings

    job = read_job(arguments.config)
    with _progress("settings tried", job.trials) as advance:
        fit = run_job(job, progress=advance)
    write_settings(job.output, job.method, fit.settings)
    _print_fit(fit, job.output, as_json=arguments.json)
    return 0


def _print_fit(fit: Fit, path: Path, *, as_json: bool) -> None:
    """Print what the search gains on images held out of it, set by set."""
    if as_json:
        gains = {name: dataclasses.asdict(gain) for name, gain in fit.gains.items()}
        figures = {"default": dict(fit.default), "held_out": dict(fit.held_out), "gains": gains}
        print(json.dumps({"settings": fit.settings.model_dump(), **figures, "path": str(path)}))
        return
    for name, gain in fit.gains.items():
        before, after = fit.default[name], fit.held_out[name]
        print(
            f"{name}: AP {before:.4f}, fitted and held out {after:.4f}, "
            f"difference {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] over {gain.units} images"
        )
    print(f"settings fitted on all of them: {path}")


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on a terminal, nothing where standard error is piped; gives what to call at each step."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
