"""What the documents say can be done: their links lead somewhere, their commands are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from sitepose.app.cli.main import _parse
from sitepose.app.config import read_config
from sitepose.core.structures import Frame
from sitepose.plugins.api import Detector

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"])

PROGRAM = re.compile(r"(?:(?:\.venv/bin/)?python main\.py|sitepose)(?: |$)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def blocks(document: Path, language: str) -> list[str]:
    """The blocks of code in a language; commands stand in those without one."""
    return [block for found, block in FENCE.findall(document.read_text("utf-8")) if found == language]


def commands() -> list[str]:
    """Every call of the program, without its remark, which two spaces set apart."""
    lines = [line for document in DOCUMENTS for block in blocks(document, "") for line in block.splitlines()]
    pieces = [piece for line in lines for piece in re.split(r" {2,}", line)]
    return sorted(
        {re.sub(r" \[[^]=]*\]$", "", piece) for piece in pieces if PROGRAM.match(piece) and " | " not in piece}
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document):
    links = [match[0] for match in LINK.findall(document.read_text("utf-8"))]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("command", commands())
def test_commands_are_understood(command):
    words = shlex.split(PROGRAM.sub("", command, count=1))
    if words == ["--help"]:
        with pytest.raises(SystemExit, match="0"):
            _parse(words)
        return
    arguments = _parse(words)
    read_config(assignments=getattr(arguments, "assignments", None) or [])


def test_commands_are_found():
    assert {"python main.py --video walk.mp4", "python main.py --camera 0"} <= set(commands())


class TestReadme:
    def test_its_detector_is_one(self):
        (code,) = (block for block in blocks(ROOT / "README.md", "python") if "class " in block)
        names: dict[str, type] = {}
        exec(compile(code, "README.md", "exec"), names)
        plugin = names["WholeFrame"]
        detector = plugin(plugin.Settings(score=0.5), None)

        people = detector.detect([Frame(np.zeros((40, 60, 3), np.uint8), index=0, timestamp=0.0)])[0]

        assert isinstance(detector, Detector)
        assert people.boxes.tolist() == [[-0.5, -0.5, 59.5, 39.5]]
        assert people.scores.tolist() == [0.5]
