"""What a recording keeps: what the camera sees, or nobody's face, or no picture at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sitepose.app.sessions.recording import RecordingSettings

Kept = Literal["video", "blurred", "poses"]


@dataclass(frozen=True, slots=True)
class KeptChoice:
    """One of the choices, in words.

    Attributes:
        kept: What is kept.
        word: Beside the record button.
        says: What it means, in one sentence.
        state: What is said of a recording; empty where it is the usual.
    """

    kept: Kept
    word: str
    says: str
    state: str = ""


KEPT_CHOICES = (
    KeptChoice("video", "Video", "The video as the camera sends it, and the poses."),
    KeptChoice(
        "blurred",
        "Blurred",
        "Video with blurred faces, and the poses; the face of somebody who is not found can be seen.",
        "faces blurred",
    ),
    KeptChoice("poses", "Poses", "The poses alone; no video is kept.", "no video"),
)


def kept_choice(kept: Kept) -> KeptChoice:
    """Return a choice in words.

    >>> kept_choice("poses").says
    'The poses alone; no video is kept.'
    """
    return next(choice for choice in KEPT_CHOICES if choice.kept == kept)


def recording_settings(kept: Kept) -> RecordingSettings:
    """Return what the recorder has to be told."""
    return RecordingSettings(blur_faces=kept == "blurred", poses_only=kept == "poses")
