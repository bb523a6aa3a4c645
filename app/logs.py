"""Logging is configured here and nowhere else."""

from __future__ import annotations

import logging
import sys

from sitepose.plugins.sources.live.secrets import RedactingFilter, Secrets


def configure_logs(verbosity: int = 0) -> None:
    """Send warnings to standard error; with ``-v`` what happens, with ``-vv`` every detail.

    Args:
        verbosity: 0 warnings, 1 information, 2 debugging.
    """
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbosity, 2)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(levelname)s %(name)s: %(message)s" if verbosity else "%(message)s")
    )
    root = logging.getLogger("sitepose")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False


def keep_out_of_logs(secrets: Secrets) -> None:
    """Mask secrets in everything that our handlers write from now on."""
    if secrets:
        for handler in logging.getLogger("sitepose").handlers:
            handler.addFilter(RedactingFilter(secrets))
