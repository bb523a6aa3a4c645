"""A model card: everything about a network that code must not guess, as one TOML file.

A card names the publisher, the licence, the files with their sources and sha256, and how pixels become the
network's input and its output becomes people. A source is an ``https`` address, or a member of a package on a
registry: ``npm:@scope/name@1.2.3!path``, ``pypi:name==1.2.3!path``, ``deb:name!path``.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from sitepose.core.errors import ConfigError, UnknownPluginError, did_you_mean
from sitepose.core.settings import Settings, check
from sitepose.models.zoo.sources import parse_source

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Triple = tuple[float, float, float]


class ModelFile(Settings):
    """One file of a model as its publisher offers it."""

    name: str
    """Name in the cache."""
    sources: tuple[str, ...] = ()
    """Where it can be had, tried in order; none where the user must bring the file."""
    sha256: Sha256 | None = None
    """None where the publisher states none: recorded at the first fetch, and later fetches are held to it."""

    @field_validator("name")
    @classmethod
    def _is_a_plain_name(cls, name: str) -> str:
        if Path(name).name != name or name.startswith("."):
            raise ValueError("expected a plain file name")
        return name

    @field_validator("sources")
    @classmethod
    def _are_sources(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for source in sources:
            parse_source(source)
        return sources


class ImportSpec(Settings):
    """How a foreign format becomes the ONNX file that is run."""

    format: Literal["tfjs"]
    """``tfjs``: a TF.js graph model, ``*.json`` beside its ``*.bin``."""
    outputs: dict[str, str] = Field(default_factory=dict)
    """Nodes of the graph to cut at, by the name they get, in this order; the graph's own outputs when empty."""
    channels: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    """Channels to keep of an output; all of those that are not named."""


class InputSpec(Settings):
    """How pixels become the network's input: ``(pixel * scale - mean) / std``, in ``color`` order."""

    size_wh: tuple[int, int]
    """Width and height."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Order of the axes."""
    dtype: Literal["float32", "int32", "uint8"] = "float32"
    """Type of the numbers."""
    color: Literal["rgb", "bgr"] = "rgb"
    """Order of the channels."""
    scale: float = 1.0
    """Factor on the pixel value 0..255, before the mean."""
    mean: Triple = (0.0, 0.0, 0.0)
    """Subtracted per channel, in the order of ``color``, after the scale."""
    std: Triple = (1.0, 1.0, 1.0)
    """Divided by per channel, in the order of ``color``."""
    fit: Literal["stretch", "letterbox", "letterbox_top_left", "crop"] = "stretch"
    """How a frame fits: stretched, letterboxed (centred or top left), or cropped around each person."""
    pad_value: int = 0
    """Value of the pixels outside the frame, before scale and mean."""
    interpolation: Literal["linear", "cubic"] = "linear"
    """Interpolation of the resize or warp."""


class PoseSpec(Settings):
    """How a pose network's output becomes keypoints."""

    skeleton: str = "coco17"
    """Name of the skeleton, in the network's keypoint order."""
    head: Literal["heatmap", "movenet", "simcc"] = "heatmap"
    """What the network puts out."""
    codec: Literal["argmax", "quarter", "dark"] = "quarter"
    """Decoding of the heatmap that its publisher scores with."""
    geometry: Literal["classic", "udp"] = "classic"
    """Crop geometry that the network was trained with."""
    padding: float = 1.25
    """Factor on the person's box before the crop."""
    sigma: float = 2.0
    """Standard deviation of the training target in heatmap cells."""
    flip_shift: bool = True
    """Whether the mirrored heatmap is moved by one cell before averaging (biased codecs)."""


class Card(Settings):
    """What there is to know of something that can be fetched."""

    name: str
    """Name to choose it by."""
    summary: str
    """One line for ``models list``."""
    licence: str
    """SPDX name, with a word on how it is known where the publisher is silent."""
    publisher: str
    """Who made it, and the address of the publication."""
    tried: bool = True
    """False where the files could not be had when the card was written: the figures are the publisher's."""
    files: tuple[ModelFile, ...] = Field(min_length=1)
    """Its files; the first is the one that is used."""


class ModelCard(Card):
    """Everything about a network that code must not guess."""

    kind: Literal["detector", "pose"]
    """What it is for."""
    aliases: tuple[str, ...] = ()
    """Shorter names that mean the same."""
    plugin: str
    """The plug-in that runs it."""
    convert: ImportSpec | None = None
    """How to import it, where it is not ONNX as published."""
    input: InputSpec
    """How pixels become its input."""
    outputs: dict[str, str] = Field(default_factory=dict)
    """What each output holds: shape, units, meaning."""
    items: int = Field(1, ge=1, le=64)
    """Items that one inference should take on a processor: more than 1 where that was measured to be faster."""
    pose: PoseSpec | None = None
    """For pose networks and one-stage pose detectors."""


@cache
def load_card(name: str) -> ModelCard:
    """Return a card that ships with Sitepose, by its name or one of its aliases.

    Raises:
        UnknownPluginError: There is none of this name.
        ConfigError: The card is faulty.
    """
    if name not in card_names():
        meant = _aliases().get(name)
        if meant is None:
            raise UnknownPluginError(
                f"unknown model {name!r}; {did_you_mean(name, (*card_names(), *_aliases()))}"
            )
        return load_card(meant)
    file = resources.files("sitepose.models.zoo.cards") / f"{name}.toml"
    card = check(ModelCard, tomllib.loads(file.read_text(encoding="utf-8")), where=f"model card {name}.toml:")
    if card.name != name:
        raise ConfigError(f"model card {name}.toml: name is {card.name!r}, expected {name!r}")
    return card


@cache
def card_names() -> tuple[str, ...]:
    """Return the names of all cards that ship with Sitepose, sorted."""
    files = resources.files("sitepose.models.zoo.cards").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def _aliases() -> dict[str, str]:
    """Return the name of the card that each alias means.

    Raises:
        ConfigError: An alias means two cards, or is the name of one.
    """
    aliases: dict[str, str] = {}
    for name in card_names():
        for alias in load_card(name).aliases:
            if alias in aliases or alias in card_names():
                raise ConfigError(f"model card {name}.toml: alias {alias!r} is taken")
            aliases[alias] = name
    return aliases
