"""The promises about structure, each with a guard."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("app", "core", "models", "plugins", "tracking")
FILES = sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py"))
HEAVY = ("torch", "cv2", "av", "onnxruntime", "openvino", "qtpy", "PyQt5", "pydantic", "numpy", "rich", "scipy")
LONGEST_FILE = 400
LONGEST_FUNCTION = 50

QT_FOLDER = ROOT / "app" / "gui" / "views"
QT = re.compile(r"^\s*(from|import) (qtpy|PyQt5|PyQt6|PySide6)\b", re.MULTILINE)


def name(path):
    return path.relative_to(ROOT).as_posix()


def body_lines(function):
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return body[-1].end_lineno - body[0].lineno + 1


class TestStructure:
    def test_imports_go_down(self):
        answer = subprocess.run(
            [Path(sys.executable).with_name("lint-imports")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert answer.returncode == 0, answer.stdout

    @pytest.mark.parametrize("path", FILES, ids=name)
    def test_files_and_functions_stay_short(self, path):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [
            node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]

        assert path.read_text(encoding="utf-8").count("\n") <= LONGEST_FILE
        assert {f.name: body_lines(f) for f in functions if body_lines(f) > LONGEST_FUNCTION} == {}

    @pytest.mark.parametrize("path", [p for p in FILES if QT_FOLDER not in p.parents], ids=name)
    def test_qt_lives_in_the_window_alone(self, path):
        assert not QT.search(path.read_text(encoding="utf-8"))

    def test_every_folder_says_what_it_is(self):
        for path in (p for p in FILES if p.name == "__init__.py"):
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), name(path)


class TestStartUp:
    def test_help_loads_no_heavy_library(self):
        code = (
            f"import sys; from sitepose.app.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
            f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

        assert answer.stderr.strip() == "[]"

    def test_the_core_runs_without_the_optional_libraries(self):
        blocked = ("torch", "qtpy", "PyQt5", "PyQt6", "gi", "ultralytics", "lap", "hotcoco", "pycocotools")
        code = (
            f"import sys\nfor name in {blocked!r}: sys.modules[name] = None\n"
            "import sitepose.app.api, sitepose.app.factory, sitepose.plugins.registry as r\n"
            "from sitepose.plugins.registry import load_plugin\n"
            "load_plugin('detector', 'centernet'); load_plugin('pose', 'heatmap')\n"
            "load_plugin('tracker', 'oks-sort'); load_plugin('source', 'video')"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

        assert answer.returncode == 0, answer.stderr
