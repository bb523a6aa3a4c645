"""``sitepose doctor``: what is installed here, what is missing, and how to install it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

MARKS = {"good": "ok", "missing": "MISSING", "bad": "BAD", "none": "-"}


def add_parser(subparsers: Any) -> None:
    """Add ``doctor`` and its options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor", help="what is installed here, what is missing, and how to install it"
    )
    parser.add_argument(
        "--disk", type=Path, default=Path("sessions"), metavar="DIR", help="whose speed to measure"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print what is found; 1 if something is broken. What is merely not installed is no fault."""
    from sitepose.app.doctor.machine import examine

    findings = []
    topic = ""
    for finding in examine(arguments.disk):
        findings.append(finding)
        if arguments.json:
            continue
        if finding.topic != topic:
            topic = finding.topic
            print(topic)
        print(f"  {MARKS[finding.verdict]:<8} {finding.name:<26} {finding.detail}".rstrip())
        if finding.remedy:
            print(f"           -> {finding.remedy}")
    if arguments.json:
        print(json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=2))
    return 1 if any(finding.verdict == "bad" for finding in findings) else 0
