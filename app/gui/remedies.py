"""What to do about an error, by what it says."""

from __future__ import annotations

import re

REMEDIES: tuple[tuple[str, str], ...] = (
    (r"password|refused|unauthori[sz]ed|401", "Check user and password, then press Ctrl+R."),
    (r"pip install|apt", "Install what it names, then start again."),
    (r"no space|disk", "Make room on the disk, or record elsewhere."),
    (
        r"cannot be (fetched|reached)|offline|network",
        "Check the network; `sitepose models list` shows which networks are here.",
    ),
    (r"no such file, folder or camera", "Check the path or the address."),
    (
        r"no such (file|camera|device)|unreachable|no picture|could not open resource",
        "Check the address and the cable, then press Ctrl+R.",
    ),
    (r"stop the recording", "Press R to stop the recording, then choose again."),
    (r"out of memory|allocat", "Choose a smaller network."),
)
"""A pattern of the message, and what helps."""

BY_KIND = {
    "source-failed": "Open another source with O.",
    "switch-failed": "Choose another part, or other settings.",
    "stage-failed": "Choose another part if it goes on.",
    "scene": "If nobody meant to, look after the camera: poses from before and after do not compare.",
    "output-failed": "Check folder and disk.",
    "unexpected": "The program goes on; please report this with the log (start with -v).",
}

WHATEVER_IT_SAYS = {"damaged": "The rest is played; see what `sitepose sessions verify` says of the session."}
"""Kinds whose remedy is the same for every message."""


def remedy(kind: str, message: str) -> str:
    """Return what to do.

    >>> remedy("source-failed", "401 wrong user or password")
    'Check user and password, then press Ctrl+R.'
    """
    if kind in WHATEVER_IT_SAYS:
        return WHATEVER_IT_SAYS[kind]
    for pattern, help_text in REMEDIES:
        if re.search(pattern, message, re.IGNORECASE):
            return help_text
    return BY_KIND.get(kind, "")
