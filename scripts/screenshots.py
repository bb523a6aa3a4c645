"""Pictures of the window, taken on a virtual screen: ``python scripts/screenshots.py docs/images``.

Needs ``xvfb-run`` (``apt-get install xvfb xauth``), GStreamer, and the videos and networks of
``../shared/data``; the videos are Intel's sample videos under CC BY 4.0. Without a screen, the script starts
itself again on a virtual one. Best on a quiet machine: what the figures say is what it had to give.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SIZE = (1280, 800)
FLAT = (1280, 660)
LONGEST_WAIT_S = 180.0
SETTLE_FRAMES = 60
"""Frames after which the figures no longer show how the networks were loaded."""

MARGIN = 0.02
"""How far from the left and right edge everybody is, as a share of the width."""

LONGEST_AGE_S = 0.2
"""Of the poses, in a picture that shows somebody who moves."""

QUALITY = 90
"""Of the JPEG files: letters stay sharp, and each has less than 200 kB."""


@dataclass(frozen=True)
class Scene:
    """One picture.

    Attributes:
        name: Of its file.
        video: What is shown.
        theme: Light or dark.
        live: Whether the video is played over and over, like a camera.
        compare: Whether two pipelines are compared.
        prepare: What the user does before the picture is taken.
        people: How many must be in it.
        size: Of the window.
        upright: Whether everybody must be seen from head to foot.
    """

    name: str
    video: str
    theme: str
    live: bool = True
    compare: bool = False
    prepare: Callable[[Any], None] = lambda _: None
    people: int = 1
    size: tuple[int, int] = SIZE
    upright: bool = False


def record_with_settings_open(window: Any) -> None:
    """Record, with the detector's settings open."""
    window.view.panel.lanes["A"].parts["detector"].open_settings()
    window.controller.recording.toggle()


def follow_paused(window: Any) -> None:
    """Let the recording stand still, and follow the person at the right."""
    replay = window.controller._engine.source(window.controller.model.current)
    replay.play(False)
    for _ in range(people_in(window.view.panes[0])):
        window.controller.following.next()


SCENES = (
    Scene(
        "window-live",
        "one-by-one-person-detection.mp4",
        "dark",
        prepare=record_with_settings_open,
        upright=True,
    ),
    Scene("window-compare", "store-aisle-detection.gif", "light", compare=True, people=2, size=FLAT),
    Scene("window-replay", "classroom.gif", "dark", live=False, prepare=follow_paused, people=4),
    Scene("window-people", "classroom.gif", "light", people=3),
)


def main() -> int:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", choices=[scene.name for scene in SCENES], help="this one alone")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"needs the test videos in {DATA}", file=sys.stderr)
        return 1
    if not os.environ.get("DISPLAY"):
        return _on_a_virtual_screen()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CONFIG_HOME"] = scratch
        from sitepose.app.gui.views.application import make_application

        application = make_application()
        for scene in SCENES:
            if options.only in (None, scene.name):
                _take(application, scene, options.folder, Path(scratch))
    return 0


def _on_a_virtual_screen() -> int:
    if shutil.which("xvfb-run") is None:
        print("needs xvfb-run: apt-get install xvfb xauth", file=sys.stderr)
        return 1
    screen = f"-screen 0 {SIZE[0]}x{SIZE[1]}x24 -dpi 96"
    return subprocess.run(
        ["xvfb-run", "-a", "-s", screen, sys.executable, __file__, *sys.argv[1:]], check=False
    ).returncode


def _take(application: Any, scene: Scene, folder: Path, scratch: Path) -> None:
    from sitepose.app.gui.views.application import Window

    def until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"{scene.name}: not ready after {LONGEST_WAIT_S:g} s")
            application.processEvents()
            time.sleep(0.005)

    def all_there() -> bool:
        panes = window.view.panes
        return len(panes) > 0 and all(people_in(pane) >= scene.people for pane in panes)

    window = Window(_model(scene, scratch))
    window.view.resize(*scene.size)
    window.view.move(0, 0)
    video = DATA / "videos" / scene.video
    window.start([(f"loop:{video}" if scene.live else str(video), {})])
    engine = window.controller._engine
    until(lambda: engine.parts() is not None and engine.source(window.controller.model.current) is not None)
    if not scene.live:  # it may have come to its end before the networks were there
        replay = window.controller.replay
        replay.seek_frame(0)
        if replay.position is not None and not replay.position.playing:
            replay.pause()
    until(all_there)
    if scene.live:
        until(lambda: _frames(window) >= SETTLE_FRAMES and all_there())
    scene.prepare(window)
    settled = time.monotonic() + 4
    until(
        lambda: (
            time.monotonic() > settled
            and all_there()
            and all(presentable(pane, upright=scene.upright) for pane in window.view.panes)
        )
    )
    window.controller.tick()
    application.processEvents()
    path = folder / f"{scene.name}.jpg"
    window.view.grab().save(str(path), "JPG", QUALITY)
    window.close()
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def _model(scene: Scene, scratch: Path) -> Any:
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
    model.theme = scene.theme
    model.compare = scene.compare
    model.sessions = scratch / "sessions"
    return model


def people_in(pane: Any) -> int:
    """Return how many people a pane shows with their tracks."""
    picture = pane.screen.picture
    if picture is None or picture.result is None:
        return 0
    return int((picture.result.tracked.poses.track_ids >= 0).sum())


def presentable(pane: Any, *, upright: bool) -> bool:
    """Return whether nobody is just coming into the picture, or leaving it, and the poses are its own."""
    picture = pane.screen.picture
    if picture.age_s > LONGEST_AGE_S:
        return False
    width, height = picture.view.frame.size_wh
    boxes = picture.result.tracked.poses.boxes
    if upright and not ((boxes[:, 1] > MARGIN * height) & (boxes[:, 3] < (1 - MARGIN) * height)).all():
        return False
    return bool((boxes[:, 0] > MARGIN * width).all() and (boxes[:, 2] < (1 - MARGIN) * width).all())


def _frames(window: Any) -> int:
    """Return how many frames have poses."""
    found = window.controller._engine.figures(window.controller.model.current)
    return 0 if found is None else int(found.inferred)


if __name__ == "__main__":
    sys.exit(main())
