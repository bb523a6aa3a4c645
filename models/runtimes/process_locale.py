"""The locale of the process, which OpenVINO changes while it compiles."""

from __future__ import annotations

import locale
import threading


class KeptLocale:
    """Puts the locale back when the last of those who are within leaves; remembers it, and how many they are.

    OpenVINO changes the locale of the whole process while it writes a compiled network, and puts back what it
    found. Of two that do so at once, one finds the other's, and the process would be left without its own: text
    of files and of other programs would be taken for ASCII from then on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._kept = ""

    def __enter__(self) -> None:
        with self._lock:
            if self._within == 0:
                self._kept = locale.setlocale(locale.LC_ALL)
            self._within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0:
                locale.setlocale(locale.LC_ALL, self._kept)


KEPT_LOCALE = KeptLocale()
"""One for the process, as there is one locale."""
