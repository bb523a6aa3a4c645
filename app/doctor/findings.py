"""What `doctor` has to say about one thing."""

from __future__ import annotations

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
