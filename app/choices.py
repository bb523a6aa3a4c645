"""What a configuration names: plug-in, model card and settings, checked before anything is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitepose.app.config import PartConfig
from sitepose.core.errors import ConfigError, PluginError, SiteposeError, UnknownPluginError, did_you_mean
from sitepose.core.settings import Settings, check
from sitepose.models.zoo.card import ModelCard, card_names, load_card
from sitepose.plugins.api import PluginContext
from sitepose.plugins.listing import missing_library
from sitepose.plugins.registry import Kind, brief, check_started, load_plugin, plugin_rows

_log = logging.getLogger(__name__)

NONE = "none"
"""The name that leaves a part out."""

Progress = Callable[[str, int, int | None], None]
"""Told while weights are fetched: what, bytes so far, bytes in all if known."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One part as chosen, not yet loaded.

    Attributes:
        kind: What it is for.
        part: As it was configured.
        plugin: Its class.
        card: Its model card; None for plug-ins without one.
        settings: Checked by the plug-in's own class.
    """

    kind: Kind
    part: PartConfig
    plugin: type[Any]
    card: ModelCard | None
    settings: Settings

    @property
    def model_name(self) -> str:
        """What a report calls the file in use."""
        if self.part.file is not None:
            return self.part.file.name
        return self.card.name if self.card is not None else self.part.name

    def weights(self, progress: Progress | None = None) -> Path | None:
        """Return the file to load, fetched where need be; None for plug-ins without one.

        Raises:
            WeightsError: It cannot be had, or is damaged.
        """
        if self.part.file is not None:
            return self.part.file
        if self.card is None:
            return None
        from sitepose.models.zoo.store import locate

        return locate(self.card, progress=progress)

    def construct(self, context: PluginContext) -> Any:
        """Return the plug-in, started.

        Raises:
            PluginError: It cannot start.
        """
        try:
            built = self.plugin(self.settings, context)
            check_started(self.kind, self.part.name, built)
            return built
        except SiteposeError:
            raise
        except Exception as error:  # the edge of a plug-in: it may raise anything at all
            raise PluginError(f"{self.kind} {self.part.name!r} cannot start: {brief(error)}") from error

    def close(self, plugin: Any) -> None:
        """Close what :meth:`construct` has made. One that fails is told of: the work is done by then."""
        try:
            plugin.close()
        except Exception as error:  # noqa: BLE001  the edge of a plug-in: it may raise anything at all
            _log.warning("%s %r cannot be closed: %s", self.kind, self.part.name, brief(error))


def choose(kind: Kind, part: PartConfig) -> Choice:
    """Look a part up and check its settings.

    Raises:
        UnknownPluginError: Neither a plug-in nor a model card has the name.
        ConfigError: The file is not there, or a setting is wrong.
        PluginError: The plug-in cannot be imported, or its library is missing.
    """
    plugin_name, card = _resolve(kind, part.name)
    plugin = load_plugin(kind, plugin_name)
    if missing := missing_library(plugin):
        raise PluginError(f"{kind} {part.name!r}: {missing}")
    if card is None and (default := getattr(plugin, "default_card", None)):
        card = load_card(default)
    if part.file is not None and not part.file.exists():
        raise ConfigError(f"--{kind} {part.name}:{part.file}: no such file or folder")
    return Choice(kind, part, plugin, card, check(plugin.Settings, part.settings, where=f"[{kind}.settings]"))


def _resolve(kind: Kind, name: str) -> tuple[str, ModelCard | None]:
    """Return the plug-in, and the card where ``name`` is one."""
    rows = plugin_rows(kind)
    if name in rows:
        return name, None
    try:
        card = load_card(name)
    except UnknownPluginError:
        known = set(rows) | {card for card in card_names() if load_card(card).kind == kind}
        raise UnknownPluginError(f"unknown {kind} {name!r}; {did_you_mean(name, known)}") from None
    if card.kind != kind:
        raise ConfigError(f"--{kind} {name}: this model is a {card.kind}, not a {kind}")
    return card.plugin, card
