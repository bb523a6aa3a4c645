"""Opening what a command line names as video."""

from __future__ import annotations

import glob
from pathlib import Path

from sitepose.app.config import InputConfig
from sitepose.core.errors import SourceError
from sitepose.core.settings import check
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import FrameSource, PluginContext
from sitepose.plugins.registry import load_plugin
from sitepose.plugins.sources.choose import source_kind


def check_location(location: str) -> None:
    """Say at once that there is nothing, before networks are loaded for it.

    Raises:
        SourceError: There is no such file or folder.
    """
    if source_kind(location) != "synthetic" and not Path(location).exists() and not glob.has_magic(location):
        raise SourceError(f"no such file: {location}")


def open_source(location: str, config: InputConfig, workers: Workers) -> FrameSource:
    """Return the opened source of a location, cut to the configured span.

    Raises:
        SourceError: It cannot be opened or read.
    """
    check_location(location)
    plugin = load_plugin("source", source_kind(location))
    span = config.model_dump(include={"start_s", "end_s", "max_frames"})
    settings = check(plugin.Settings, {"location": location, **span}, where=f"{location}:")
    source: FrameSource = plugin(settings, PluginContext(workers=workers))
    return source
