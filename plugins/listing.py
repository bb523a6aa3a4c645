"""What ``plugins list`` tells: every plug-in, where it comes from, and whether it would load."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from importlib.util import find_spec
from typing import Any

from sitepose.core.errors import PluginError
from sitepose.plugins.registry import Kind, PluginRow, announced_rows, kinds, load_row


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReport:
    """One plug-in and its state.

    Attributes:
        name: Name to choose it by.
        kind: ``detector``, ``pose``, ``source`` or ``tracker``.
        origin: Distribution that brings it.
        version: Version of that distribution.
        licence: SPDX name; of the plug-in together with the libraries it cannot do without.
        problem: Why it does not load, in one line; empty where it does.
    """

    name: str
    kind: Kind
    origin: str
    version: str
    licence: str
    problem: str


def plugin_reports() -> list[PluginReport]:
    """Return the state of every plug-in, by kind and name; one that is broken does not hide the others."""
    return [_report(row) for kind in kinds() for row in announced_rows(kind)]


def missing_library(plugin: type[Any]) -> str:
    """Return which libraries a plug-in does not find, and the command that mends it; empty where all is there.

    A plug-in class may say ``requires = ("torch", ...)``, the modules that it imports once it is made, and
    ``extra = "sitepose[torch]"``, what to install to have them.
    """
    missing = [name for name in getattr(plugin, "requires", ()) if find_spec(name) is None]
    if not missing:
        return ""
    remedy = getattr(plugin, "extra", None) or " ".join(missing)
    return f"needs {', '.join(missing)}: pip install '{remedy}'"


def _report(row: PluginRow) -> PluginReport:
    licence = _licence(row.origin)
    try:
        plugin = load_row(row)
        problem = missing_library(plugin)
        licence = getattr(plugin, "licence", None) or licence
    except PluginError as error:
        problem = " ".join(str(error).split())
    version = row.version or _version(row.origin)
    return PluginReport(
        name=row.name, kind=row.kind, origin=row.origin, version=version, licence=licence, problem=problem
    )


def _version(distribution: str) -> str:
    try:
        return str(metadata(distribution)["Version"])
    except PackageNotFoundError:
        return ""


def _licence(distribution: str) -> str:
    """Return the licence as the distribution states it; empty where it does not."""
    try:
        fields = metadata(distribution)
    except PackageNotFoundError:
        return ""
    # Distributions from before SPDX expressions put a name, or the whole text, into "License".
    stated = next((fields[key] for key in ("License-Expression", "License") if key in fields), "")
    return stated.strip().partition("\n")[0]
