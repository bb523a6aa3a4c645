"""What is on the disk is what is packaged: no folder of code and no data file is forgotten."""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]
FOLDERS: dict[str, str] = SETUPTOOLS["package-dir"]

CACHES = {"__pycache__"}


def on_disk() -> set[str]:
    """Dotted names of the folders that have an ``__init__.py``."""
    found = set()
    for package, folder in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            found.add(".".join([package, *init.parent.relative_to(ROOT / folder).parts]))
    return found


class TestPackages:
    def test_the_list_is_that_of_the_folders(self):
        listed = SETUPTOOLS["packages"]
        assert len(listed) == len(set(listed))
        assert set(listed) == on_disk()

    def test_every_folder_with_code_has_an_init(self):
        for folder in FOLDERS.values():
            for module in (ROOT / folder).rglob("*.py"):
                assert (module.parent / "__init__.py").exists(), f"{module.parent} has no __init__.py"

    def test_every_part_is_typed(self):
        assert [folder for folder in FOLDERS.values() if not (ROOT / folder / "py.typed").exists()] == []

    def test_sitepose_itself_is_a_namespace(self):
        import sitepose

        assert getattr(sitepose, "__file__", None) is None


class TestData:
    @pytest.mark.parametrize("folder", sorted(FOLDERS.values()))
    def test_every_file_that_is_no_code_is_packaged(self, folder):
        patterns = SETUPTOOLS["package-data"]["*"]
        forgotten = [
            str(path.relative_to(ROOT))
            for path in sorted((ROOT / folder).rglob("*"))
            if path.is_file()
            and path.suffix not in {".py", ".pyc"}
            and not CACHES & set(path.parts)
            and not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)
        ]
        assert forgotten == []

    def test_the_licence_goes_along(self):
        assert all((ROOT / name).exists() for name in PROJECT["project"]["license-files"])


class TestExtras:
    def test_all_is_every_extra_but_the_one_that_brings_a_second_opencv(self):
        extras = PROJECT["project"]["optional-dependencies"]
        named = extras["all"][0].removeprefix("sitepose[").removesuffix("]").split(",")
        assert set(named) == set(extras) - {"all", "trackers", "gui-qt6"}  # one Qt is enough

    def test_the_core_needs_neither_torch_nor_qt_nor_gstreamer(self):
        needed = " ".join(PROJECT["project"]["dependencies"]).lower()
        assert not [name for name in ("torch", "qt", "pygobject", "ultralytics") if name in needed]
