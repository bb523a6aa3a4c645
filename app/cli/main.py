"""``sitepose`` itself: looks at the first word, and hands over to a command."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from sitepose.core.errors import ConfigError, SiteposeError, UnknownPluginError

COMMANDS = {
    "doctor": "what is installed here, what is missing, and how to install it",
    "export": "write saved poses in other formats, no network run",
    "models": "list, pull, verify and remove networks",
    "plugins": "which detectors, pose networks, trackers and sources there are",
    "record": "record cameras on site, without models",
    "retrack": "track saved poses anew, no network run",
    "sessions": "list, verify and repair what was recorded on site",
    "train": "fit settings on labelled data",
}
"""Each is a module of this package with ``add_parser(subparsers)`` and ``run(arguments) -> exit status``."""

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 1 failed, 2 usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parse(words)
        return int(arguments.handler(arguments))
    except (ConfigError, UnknownPluginError) as error:
        return _fail(error, 2)
    except SiteposeError as error:
        return _fail(error, 1)
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _fail("interrupted", 1)


def _parse(words: list[str]) -> argparse.Namespace:
    if words and words[0] in COMMANDS:
        parser = argparse.ArgumentParser(prog="sitepose")
        module = importlib.import_module(f"sitepose.app.cli.{words[0]}")
        module.add_parser(parser.add_subparsers(dest="command", required=True))
        arguments = parser.parse_args(words)
        arguments.handler = module.run
        return arguments
    from sitepose.app.cli import run

    return run.parse(words, COMMANDS)


def _fail(error: object, status: int) -> int:
    _log.debug("failed", exc_info=True)
    print(f"sitepose: {error}", file=sys.stderr)
    return status
