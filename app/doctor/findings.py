"""What `doctor` has to say about one thing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "missing", "bad", "none"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it belongs to.
        name: What it is.
        verdict: ``none`` is not there and need not be.
        detail: What was found.
        remedy: What to do; empty where nothing is to be done.
    """

    topic: str
    name: str
    verdict: Verdict
    detail: str = ""
    remedy: str = ""


def apt(packages: Iterable[str]) -> str:
    """Return the line that installs packages of Debian; elsewhere, one that says whose names they are."""
    names = " ".join(sorted(set(packages)))
    if shutil.which("apt-get") is None:
        return f"install what Debian calls {names}"
    root = os.geteuid() == 0
    return f"{'' if root else 'sudo '}apt-get install --no-install-recommends {names}"


def pip(extra: str) -> str:
    """Return the line that installs an optional part of Sitepose."""
    return f"pip install 'sitepose[{extra}]'"
