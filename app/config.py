"""The configuration of a run: one strict tree, from a TOML file, ``--set`` and the command line's options."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from sitepose.core.errors import ConfigError, did_you_mean
from sitepose.core.formats.exports import EXPORTS
from sitepose.core.settings import Settings, check
from sitepose.models.runtimes.api import Precision

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "portable": {"detector": {"name": "centernet"}, "pose": {"name": "movenet-thunder"}},
    "fast": {"detector": {"name": "centernet"}, "pose": {"name": "movenet-lightning"}},
    "balanced": {"detector": {"name": "yolox-tiny"}, "pose": {"name": "movenet-thunder"}},
    "accurate": {"detector": {"name": "yolox-m"}, "pose": {"name": "rtmpose-m", "settings": {"flip": True}}},
}
"""Detector and pose network by purpose. ``portable`` and ``fast`` need nothing but package registries; the
others are fetched from their publishers' own addresses."""


class PartConfig(Settings):
    """One part of the pipeline that is chosen by name."""

    name: str
    """A plug-in or a model card."""
    file: Path | None = None
    """The weights or annotations to use in place of the card's."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The plug-in's own settings; checked by its own class."""

    @field_validator("file", mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return Path(value).expanduser() if isinstance(value, str) else value


class RuntimeConfig(Settings):
    """What networks run on."""

    library: Literal["auto", "openvino", "onnxruntime", "torch"] = "auto"
    """The library; ``auto`` takes the fastest that is installed."""
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """``auto``, ``cpu``, ``cuda`` or ``cuda:1``."""
    precision: Precision = "auto"
    """``auto`` takes the lowest that the processor runs natively and that keeps the accuracy."""
    threads: int = Field(0, ge=0)
    """Threads that run networks; 0 takes every processor that this process may use."""


class InputConfig(Settings):
    """Which part of a video is looked at."""

    start_s: float = Field(0.0, ge=0)
    """Seconds to skip."""
    end_s: float | None = Field(None, gt=0)
    """Second to stop before."""
    max_frames: int | None = Field(None, ge=1)
    """Frames to stop after."""
    roi: tuple[int, int, int, int] | None = None
    """``x, y, w, h`` in pixels: people are looked for in here only."""
    mask: Path | None = None
    """A picture of the frame's size: people standing where it is black do not count."""

    @field_validator("roi")
    @classmethod
    def _has_area(cls, value: tuple[int, int, int, int] | None) -> tuple[int, int, int, int] | None:
        if value is not None and (min(value) < 0 or value[2] == 0 or value[3] == 0):
            raise ValueError("expected x,y,w,h with x and y from 0 and w and h from 1")
        return value


class OutputConfig(Settings):
    """What a run writes beside ``poses.jsonl`` and ``run.json``."""

    overlay: bool = True
    """Whether to draw ``overlay.mp4``."""
    save_candidates: bool = False
    """Whether to keep what the pose network said before the pose-NMS, for ``retrack --nms``."""
    formats: tuple[str, ...] = ()
    """Exports to write at the end: ``coco``, ``mot``, ..."""
    publish: tuple[str, ...] = ()
    """Where to send poses as JSON lines: ``-``, ``ws://127.0.0.1:PORT``, ``udp://HOST:PORT``."""

    @field_validator("formats")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in EXPORTS:
                raise ValueError(f"unknown export format {name!r}; {did_you_mean(name, EXPORTS)}")
        return value


class RunConfig(Settings):
    """Everything that decides what a run puts out."""

    detector: PartConfig = PartConfig(name="centernet")
    """Who finds the people."""
    detect_every: int | Literal["auto"] = 1
    """Ask the detector every N frames, the tracks in between."""
    pose: PartConfig = PartConfig(name="movenet-thunder")
    """Who finds the keypoints; ``none`` takes those of a one-stage detector."""
    nms: PartConfig = PartConfig(name="parametric")
    """Which of the poses are people."""
    tracker: PartConfig = PartConfig(name="oks-sort")
    """Who keeps the identities; ``none`` leaves them to the detector."""
    select: int | None = Field(None, ge=0)
    """Keep only the person with this track id."""
    runtime: RuntimeConfig = RuntimeConfig()
    """What networks run on."""
    input: InputConfig = InputConfig()
    """Which part of the video."""
    output: OutputConfig = OutputConfig()
    """What is written."""

    @field_validator("detect_every")
    @classmethod
    def _is_a_step(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("expected 'auto' or a whole number from 1")
        return value


_DEFAULT_PARTS: Mapping[str, str] = {
    part: RunConfig.model_fields[part].default.name for part in ("detector", "pose", "nms", "tracker")
}
"""Named beforehand, so that a setting of a default part can be changed without naming the part."""


def read_config(
    file: Path | None = None,
    *,
    preset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
) -> RunConfig:
    """Return the configuration: defaults, then preset, file, options, ``--set``: the later one wins.

    Args:
        file: A TOML file.
        preset: One of :data:`PRESETS`.
        overrides: A nested table, from the command line's options.
        assignments: ``key.key=value`` with a TOML value (bare words are taken as strings).

    Raises:
        ConfigError: The file cannot be read, or a key or value is wrong.
    """
    tree: dict[str, Any] = {part: {"name": name} for part, name in _DEFAULT_PARTS.items()}
    if preset is not None:
        merge(tree, PRESETS[preset])
    if file is not None:
        merge(tree, _read_toml(file))
    merge(tree, overrides or {})
    for assignment in assignments:
        merge(tree, parse_assignment(assignment))
    return check(RunConfig, tree, where=f"{file.name}:" if file else "options:")


def tables_named(file: Path | None, assignments: Iterable[str]) -> set[str]:
    """Return the tables that a file or ``--set`` says something of, which the configuration no longer tells.

    >>> tables_named(None, ["nms.settings.eta=.4"])
    {'nms'}
    """
    said: Mapping[str, Any] = _read_toml(file) if file is not None else {}
    return set(said).union(*map(parse_assignment, assignments))


def merge(tree: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Write ``changes`` into ``tree``, table by table; another name of a part drops the old one's settings."""
    for key, value in changes.items():
        old = tree.get(key)
        if isinstance(value, Mapping) and isinstance(old, dict):
            if "name" in value and value["name"] != old.get("name"):
                old.clear()
            merge(old, value)
        else:
            tree[key] = _copy(value)


def parse_assignment(text: str) -> dict[str, Any]:
    """Return ``a.b=value`` as a nested table.

    >>> parse_assignment("detector.settings.min_score=0.4")
    {'detector': {'settings': {'min_score': 0.4}}}
    >>> parse_assignment("tracker.name=none")
    {'tracker': {'name': 'none'}}
    """
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise ConfigError(f"--set {text!r}: expected key.key=value, such as detector.settings.min_score=0.4")
    leaf = _toml_value(value)
    for part in reversed(key.strip().split(".")):
        leaf = {part: leaf}
    return dict(leaf)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def _copy(value: Any) -> Any:
    return {key: _copy(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.name}: not a TOML file: {error}") from error
