"""Keeps the interpreter's collector of garbage from holding up the window."""

from __future__ import annotations

import gc


class Smoothness:
    """Takes what lives as long as the program out of the collector's sight.

    A full collection walks over every object, and all threads wait for it: 70 ms of processor time once the
    libraries for networks are loaded, a few hundred thousand objects, in the middle of a switch. What was there
    before is not looked at any more, and less than a third of that is left.
    """

    def settle(self) -> None:
        """Leave out what is there now; takes no time, whatever there is."""
        gc.freeze()

    def end(self) -> None:
        """Look at everything again."""
        gc.unfreeze()
