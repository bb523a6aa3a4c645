"""What the window knows: sources, chosen parts, what is shown. No Qt, no threads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from sitepose.app.config import PRESETS, PartConfig, RunConfig, merge
from sitepose.app.gui.following import Following
from sitepose.app.gui.menu import Part
from sitepose.app.gui.recorded import KEPT_CHOICES, Kept
from sitepose.app.live.views import FIRST, SECOND
from sitepose.core.errors import ConfigError
from sitepose.core.settings import check

Theme = Literal["dark", "light"]

VERSION = 1
"""Of what is remembered; another version is forgotten."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What is drawn over the video."""

    boxes: bool = True
    skeletons: bool = True
    labels: bool = True
    trails: bool = True


@dataclass(slots=True)
class SourceEntry:
    """A source as the window shows it.

    Attributes:
        key: Its name in the engine and on the screen, without any password.
        location: Where it is, without user and password.
        state: ``opening``, a camera's state, ``ended`` or ``failed``.
        message: The last thing that it told of itself.
    """

    key: str
    location: str
    state: str = "opening"
    message: str = "opening"


@dataclass(frozen=True, slots=True)
class Banner:
    """A message across the window.

    Attributes:
        text: What has happened.
        remedy: What to do about it.
        kind: Kind of the event that it came from; good news of the same kind takes it away.
    """

    text: str
    remedy: str = ""
    kind: str = ""


@dataclass(slots=True)
class SessionModel:
    """The state of the window.

    Attributes:
        configs: What each lane is asked to run.
        compare: Whether lane B runs too.
        sources: What is open, in order.
        current: Key of the source that figures, recording and replay controls are about.
        following: The person who is followed.
        zoom: Whether they are shown large.
        layers: What is drawn.
        theme: Light or dark.
        sessions: Folder where recordings go.
        kept: What of them is kept.
        banner: What the user has to know now.
    """

    configs: dict[str, RunConfig] = field(default_factory=lambda: {FIRST: RunConfig(), SECOND: RunConfig()})
    compare: bool = False
    sources: dict[str, SourceEntry] = field(default_factory=dict)
    current: str = ""
    following: Following = field(default_factory=Following)
    zoom: bool = False
    layers: Layers = Layers()
    theme: Theme = "dark"
    sessions: Path = Path("sessions")
    kept: Kept = "video"
    banner: Banner | None = None

    def free_key(self, label: str) -> str:
        """Return a name for a source that no other has."""
        key, number = label, 1
        while key in self.sources:
            number += 1
            key = f"{label} ({number})"
        return key

    def with_part(self, lane: str, part: Part, name: str) -> RunConfig:
        """Return a lane's configuration with another part, at its defaults."""
        return self.configs[lane].model_copy(update={part: PartConfig(name=name)})

    def with_setting(self, lane: str, part: Part, key: str, value: Any) -> RunConfig:
        """Return a lane's configuration with one setting of a part changed; None takes it back."""
        old: PartConfig = getattr(self.configs[lane], part)
        settings = {name: kept for name, kept in old.settings.items() if name != key}
        if value is not None:
            settings[key] = value
        return self.configs[lane].model_copy(update={part: old.model_copy(update={"settings": settings})})

    def with_preset(self, lane: str, preset: str) -> RunConfig:
        """Return a lane's configuration with the parts of a preset."""
        tree = self.configs[lane].model_dump()
        merge(tree, PRESETS[preset])
        return check(RunConfig, tree, where=f"preset {preset}:")

    def preset(self, lane: str) -> str:
        """Return the preset that detector and pose network of a lane are; empty where they are none."""
        config = self.configs[lane]
        chosen = config.detector.name, config.pose.name
        named = {name: (parts["detector"]["name"], parts["pose"]["name"]) for name, parts in PRESETS.items()}
        return next((name for name, parts in named.items() if parts == chosen), "")

    def toggled(self, layer: str) -> Layers:
        """Return the layers with one of them turned on or off."""
        return replace(self.layers, **{layer: not getattr(self.layers, layer)})

    def remembered(self) -> str:
        """Return what the next window begins with, as JSON; it has no password, nor any other login."""
        return json.dumps(
            {
                "version": VERSION,
                "configs": {lane: config.model_dump(mode="json") for lane, config in self.configs.items()},
                "layers": asdict(self.layers),
                "theme": self.theme,
                "zoom": self.zoom,
                "sessions": str(self.sessions),
                "kept": self.kept,
            }
        )

    def recall(self, text: str) -> None:
        """Take over what an earlier window remembered; what cannot be used any more is left out."""
        try:
            table = json.loads(text)
        except ValueError:
            return
        if not isinstance(table, dict) or table.get("version") != VERSION:
            return
        self._recall_configs(table.get("configs"))
        layers = table.get("layers")
        if isinstance(layers, dict):
            known = {spec.name for spec in fields(Layers)}
            self.layers = Layers(**{name: bool(on) for name, on in layers.items() if name in known})
        if table.get("theme") in ("dark", "light"):
            self.theme = table["theme"]
        self.zoom = table.get("zoom") is True
        if isinstance(table.get("sessions"), str):
            self.sessions = Path(table["sessions"])
        self.kept = next((one.kept for one in KEPT_CHOICES if one.kept == table.get("kept")), self.kept)

    def _recall_configs(self, configs: Any) -> None:
        if not isinstance(configs, Mapping):
            return
        for lane in self.configs:
            try:
                self.configs[lane] = check(RunConfig, dict(configs[lane]), where="remembered:")
            except (ConfigError, KeyError, TypeError, ValueError):
                continue  # from another version of the program: the defaults are better than nothing
