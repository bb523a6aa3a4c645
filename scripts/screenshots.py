"""Pictures of the window for the README, taken on a virtual screen: ``python scripts/screenshots.py DIR``.

Needs ``xvfb-run`` (``apt-get install xvfb xauth``) and the videos of ``../shared/data/videos``, which are
Intel's sample videos under CC BY 4.0. Without a screen, the script starts itself again on a virtual one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SIZE = (1440, 860)
LONGEST_WAIT_S = 120.0


def main() -> int:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", choices=("live", "compare", "light", "replay"), help="this one alone")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"needs the test videos in {DATA}", file=sys.stderr)
        return 1
    if not os.environ.get("DISPLAY"):
        return _on_a_virtual_screen()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as settings:
        os.environ["XDG_CONFIG_HOME"] = settings
        from sitepose.app.gui.views.application import make_application

        application = make_application()
        for name in ("live", "compare", "light", "replay"):
            if options.only in (None, name):
                _take(application, name, options.folder / f"window-{name}.png")
    return 0


def _on_a_virtual_screen() -> int:
    if shutil.which("xvfb-run") is None:
        print("needs xvfb-run: apt-get install xvfb xauth", file=sys.stderr)
        return 1
    screen = f"-screen 0 {SIZE[0]}x{SIZE[1]}x24"
    return subprocess.run(
        ["xvfb-run", "-a", "-s", screen, sys.executable, __file__, *sys.argv[1:]], check=False
    ).returncode


def _take(application: Any, name: str, path: Path) -> None:
    from sitepose.app.gui.views.application import Window

    def until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"{name}: not ready after {LONGEST_WAIT_S:g} s")
            application.processEvents()
            time.sleep(0.005)

    window = Window(_model(name))
    window.view.resize(*SIZE)
    window.view.move(0, 0)
    video = DATA / "videos" / ("store-aisle-detection.gif" if name == "compare" else "classroom.gif")
    if name in ("live", "light"):
        video = DATA / "videos" / "one-by-one-person-detection.mp4"
    window.start([(str(video) if name == "replay" else f"loop:{video}", {})])
    panes = window.view.panes
    until(lambda: len(panes) > 0 and all(_people(pane) >= 1 for pane in window.view.panes))
    if name == "live":
        window.view.panel.lanes["A"].parts["detector"].open_settings()
    settled = time.monotonic() + 6
    until(lambda: time.monotonic() > settled and all(_people(pane) >= 1 for pane in window.view.panes))
    if name == "replay":
        window.controller.pause()
        window.controller.follow(*_first_person(window))
    window.controller.tick()
    application.processEvents()
    window.view.grab().save(str(path))
    window.close()
    print(path)


def _model(name: str) -> Any:
    from sitepose.app.config import read_config
    from sitepose.app.gui.model import SessionModel

    models = DATA / "models"
    model = SessionModel()
    detectors = {
        "A": "yolox-nano:yolox_nano.onnx",
        "B": "picodet-s-320-pedestrian:picodet_s_320_pedestrian.onnx",
    }
    poses = {"A": "tinypose-256x192:tinypose_256x192.onnx", "B": "tinypose-128x96:tinypose_128x96.onnx"}
    for lane in model.configs:
        chosen = {}
        for part, parts in (("detector", detectors), ("pose", poses)):
            card, _, file = parts[lane].partition(":")
            chosen[part] = {"name": card, "file": str(models / file)}
        model.configs[lane] = read_config(overrides=chosen)
    model.theme = "light" if name == "light" else "dark"
    model.compare = name == "compare"
    return model


def _people(pane: Any) -> int:
    picture = pane._picture
    if picture is None or picture.result is None:
        return 0
    return int((picture.result.tracked.poses.track_ids >= 0).sum())


def _first_person(window: Any) -> tuple[str, int]:
    pane = window.view.panes[0]
    poses = pane._picture.result.tracked.poses
    return pane.screen.source, int(poses.track_ids[poses.track_ids >= 0][0])


if __name__ == "__main__":
    sys.exit(main())
