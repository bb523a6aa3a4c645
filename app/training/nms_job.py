"""One fit of pose-NMS settings as a file describes it, from saved runs to a file for ``--config``."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from sitepose.app.training.fit_nms import Fit, SearchPlan, fit_nms
from sitepose.app.training.labelled_runs import read_labelled_run
from sitepose.core.errors import ConfigError, RecordingError
from sitepose.core.settings import Settings, check
from sitepose.models.metrics.coco_evaluation import AreaRule
from sitepose.tracking.pose_nms.methods import pose_nms_method
from sitepose.tracking.pose_nms.scoring import PoseNmsSettings


class LabelledRun(Settings):
    """A run over labelled images."""

    annotations: Path
    """COCO keypoint annotations of the images."""
    run: Path
    """Folder of a run over them, made with ``--save-candidates``."""
    area_rule: AreaRule = "segment"
    """Which area goes into OKS: the stored one, the box's, or .53 of the box's (``box53``)."""


class NmsJob(SearchPlan):
    """What to fit, on what, and where to."""

    sets: tuple[LabelledRun, ...] = Field(min_length=1)
    """Labelled runs; the mean of their APs is what the search maximises."""
    method: str = "parametric"
    """The pose-NMS to fit."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings that are kept as they are: ``form``, ``person_score`` ..."""
    output: Path = Path("nms.toml")
    """The file to write, for ``--config``."""


def read_job(file: Path) -> NmsJob:
    """Read the description of a fit.

    Raises:
        ConfigError: The file cannot be read, or a key or value is wrong.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.name}: not a TOML file: {error}") from error
    return check(NmsJob, table, where=f"{file.name}:")


def run_job(job: NmsJob, *, progress: Callable[[], None] = lambda: None) -> Fit:
    """Fit as described.

    Raises:
        ConfigError: The method is unknown or has nothing to fit, or its settings are wrong.
        FormatError: Labels or candidates cannot be read.
        PluginError: The library that scores is not installed.
    """
    method = pose_nms_method(job.method)
    sets = [read_labelled_run(one.annotations, one.run, area_rule=one.area_rule) for one in job.sets]
    return fit_nms(sets, method, job.settings, job, progress=progress)


def write_settings(path: Path, method: str, settings: PoseNmsSettings) -> None:
    """Write all settings of a pose-NMS, drawn or not, as a file for ``--config``.

    Raises:
        RecordingError: It cannot be written.
    """
    table = {"nms": {"name": method, "settings": settings.model_dump()}}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(toml_lines(table)) + "\n", encoding="utf-8")
    except OSError as error:
        raise RecordingError(f"{path}: cannot be written: {error.strerror or error}") from error


def toml_lines(table: Mapping[str, Any], name: str = "") -> list[str]:
    """Return a nested table of numbers, words and switches as lines of TOML; floats with six digits.

    >>> toml_lines({"nms": {"name": "oks", "settings": {"threshold": 0.7}}})
    ['[nms]', 'name = "oks"', '', '[nms.settings]', 'threshold = 0.7']
    """
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"[{name}]"] if name and values else []
    lines += [f"{key} = {_toml_value(value)}" for key, value in values.items()]
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            lines += ["", *toml_lines(value, f"{name}.{key}" if name else key)]
    return lines[1:] if lines and not lines[0] else lines


def _toml_value(value: Any) -> str:
    if isinstance(value, float):
        text = f"{value:.6g}"
        return text if any(mark in text for mark in ".en") else f"{text}.0"
    return json.dumps(value)
