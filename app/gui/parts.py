"""The parts of the pipelines: chosen in the panel, exchanged by the engine."""

from __future__ import annotations

from typing import Any

from sitepose.app.config import RunConfig
from sitepose.app.gui.forms import form_fields
from sitepose.app.gui.menu import PARTS, Part, options, settings_of
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.view import PartChoice, View
from sitepose.app.live.engine import LiveEngine


class PartsDesk:
    """Exchanges detector, pose network, pose-NMS and tracker; what runs goes on until the new one is there.

    Args:
        view: The window.
        model: What each pipeline is asked to run.
        engine: Where they run.
    """

    def __init__(self, view: View, model: SessionModel, engine: LiveEngine) -> None:
        self._view = view
        self._model = model
        self._engine = engine

    def choose(self, lane: str, part: Part, name: str) -> None:
        """Load another part; it takes over when it is there."""
        if name != getattr(self._model.configs[lane], part).name:
            self._switch(lane, self._model.with_part(lane, part, name))

    def change_setting(self, lane: str, part: Part, key: str, value: Any) -> None:
        """Change one setting of a part."""
        self._switch(lane, self._model.with_setting(lane, part, key, value))

    def choose_preset(self, lane: str, preset: str) -> None:
        """Take detector and pose network of a preset."""
        self._switch(lane, self._model.with_preset(lane, preset))

    def answered(self, lane: str, wanted: RunConfig) -> None:
        """Show the parts that really run: after a failed switch these are the old ones.

        Args:
            lane: The pipeline.
            wanted: What the engine's answer is about; nothing happens where something else is wanted by now.
        """
        running = self._engine.parts(lane)
        if running is not None and wanted == self._model.configs.get(lane):
            self._model.configs[lane] = running.config
            self.show(lane)

    def show(self, lane: str) -> None:
        """Show what there is, what is chosen, and its settings."""
        for part in PARTS:
            config = getattr(self._model.configs[lane], part)
            kind = settings_of(part, config)
            fields = form_fields(kind, config.settings) if kind is not None else []
            self._view.show_part(lane, PartChoice(part, options(part), config.name, fields))
        self._view.show_preset(lane, self._model.preset(lane))

    def _switch(self, lane: str, config: RunConfig) -> None:
        self._model.configs[lane] = config
        self.show(lane)
        if self._engine.lane(lane) is not None:
            self._view.show_status("loading; what runs goes on until the new part is there")
            self._engine.switch(config, lane)
