"""The command line: one file for each command."""

from sitepose.app.cli.main import main

__all__ = ["main"]
