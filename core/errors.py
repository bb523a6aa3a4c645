"""Every error that Sitepose raises on purpose.

::

    SiteposeError
    ├── ConfigError          a setting is unknown, missing or out of range      (ValueError)
    ├── PluginError          a plug-in is unknown, broken or failed to load
    │   └── UnknownPluginError                                                  (LookupError)
    ├── SourceError          a camera or file cannot be opened or read          (OSError)
    ├── WeightsError         a checkpoint is missing, damaged or does not fit
    ├── FormatError          a file of poses or annotations cannot be read      (ValueError)
    ├── RecordingError       the output cannot be written                       (OSError)
    └── PipelineError        a stage failed; the cause is chained

Each also inherits the builtin that a caller without Sitepose would expect. ``str(error)`` is one line that
says what was wrong, where, and what would be right: the command line prints it, the window shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SiteposeError(Exception):
    """Anything that went wrong in a way a user can act on."""


class ConfigError(SiteposeError, ValueError):
    """A setting is unknown, missing or out of range."""


class PluginError(SiteposeError):
    """A plug-in is unknown, broken or failed to load."""


class UnknownPluginError(PluginError, LookupError):
    """No plug-in or model card has this name."""


class SourceError(SiteposeError, OSError):
    """A camera or file cannot be opened or read."""


class WeightsError(SiteposeError):
    """A checkpoint is missing, damaged or does not fit."""


class FormatError(SiteposeError, ValueError):
    """A file of poses or annotations cannot be read."""


class RecordingError(SiteposeError, OSError):
    """The output cannot be written."""


class PipelineError(SiteposeError):
    """A stage failed; the cause is chained."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint for a misspelt name: the close matches, else everything there is.

    >>> did_you_mean("yolo_x", ["centernet", "yolox"])
    "did you mean 'yolox'?"
    >>> did_you_mean("zzz", ["b", "a"])
    'there is: a, b'
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"there is: {', '.join(names) or 'none'}"
