"""``session.json`` while the session is recorded, by the thread that writes and by the one that syncs."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sitepose.app.sessions.folder import SafeFolder
from sitepose.app.sessions.manifest import Segment, SessionManifest


class ManifestFile:
    """Changes a manifest, and writes it when asked to. Safe in several threads.

    Args:
        folder: The session's folder.
        manifest: How it begins.
    """

    def __init__(self, folder: SafeFolder, manifest: SessionManifest) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._manifest = manifest

    @property
    def now(self) -> SessionManifest:
        """What it says now."""
        return self._manifest

    def change(self, **values: object) -> None:
        """Change some fields."""
        with self._lock:
            self._manifest = self._manifest.model_copy(update=values)

    def add_models(self, models: tuple[Mapping[str, object], ...]) -> None:
        """Add those models that are not named yet."""
        with self._lock:
            known = self._manifest.models
            named = [*known, *(model for model in models if model not in known)]
            self._manifest = self._manifest.model_copy(update={"models": named})

    def add(self, part: Segment) -> None:
        """Add a segment."""
        with self._lock:
            self._put([*self._manifest.segments, part])

    def replace(self, part: Segment) -> None:
        """Put a segment in the place of the one with its number."""
        with self._lock:
            self._put([part if old.number == part.number else old for old in self._manifest.segments])

    def update(self, number: int, **values: object) -> None:
        """Change some fields of a segment."""
        with self._lock:
            parts = self._manifest.segments
            self._put([old.model_copy(update=values) if old.number == number else old for old in parts])

    def forget(self, number: int) -> None:
        """Take a segment out."""
        with self._lock:
            self._put([part for part in self._manifest.segments if part.number != number])

    def write(self, counters: Mapping[str, int]) -> None:
        """Write it, with these counters.

        Raises:
            OSError: The disk is full or gone.
        """
        with self._lock:
            self._manifest = self._manifest.model_copy(update={"counters": dict(counters)})
            self._manifest.write(self._folder)

    def _put(self, parts: list[Segment]) -> None:
        self._manifest = self._manifest.model_copy(update={"segments": parts})
