"""Starts the window, and ends everything that it has begun."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from qtpy.QtCore import QCoreApplication, QSettings, Qt, QTimer
from qtpy.QtWidgets import QApplication

from sitepose.app.gui.controller import Controller
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.smoothness import Smoothness
from sitepose.app.gui.views.main_window import MainWindow
from sitepose.app.gui.views.source_pages import SourceWish
from sitepose.app.gui.views.wakeup import Wakeup
from sitepose.app.live.engine import LiveEngine
from sitepose.app.signals import heard

ORGANISATION = "sitepose"

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that ask the program to end: Ctrl+C, a logout, a terminal that is closed."""

_log = logging.getLogger(__name__)

Location = tuple[str, Mapping[str, Any]]
"""What to open, and its settings."""


@dataclass(frozen=True, slots=True)
class WindowWishes:
    """What the command line asks of a window.

    Attributes:
        locations: What to open.
        record: Whether to record it from the start.
        select: Track id of the person to follow, who alone is published.
        publish: Where poses are sent to.
        threads: Threads that run networks; 0 takes every processor.
    """

    locations: Sequence[Location] = ()
    record: bool = False
    select: int | None = None
    publish: tuple[str, ...] = ()
    threads: int = 0


class Window:
    """The window with its controller. Remembers what the next one begins with, where ``memory`` is given.

    Args:
        model: What the window knows.
        wishes: What the command line asks for.
        memory: Where it is remembered; None remembers nothing.
    """

    def __init__(
        self, model: SessionModel, wishes: WindowWishes | None = None, *, memory: QSettings | None = None
    ) -> None:
        self._wishes = wishes = wishes or WindowWishes()
        self.view = MainWindow()
        self._memory = memory
        self._smoothness = Smoothness()
        self._loaded = False
        self._wakeup = Wakeup(self._refresh)

        def engine(**listeners: Any) -> LiveEngine:
            return LiveEngine(threads=wishes.threads, **listeners)

        self.controller = Controller(
            self.view, model, engine, self._wakeup.ask, publish=wishes.publish, select=wishes.select
        )
        _connect(self.view, self.controller)
        self.view.closing.connect(self._on_closing)
        if memory is not None and memory.value("place") is not None:
            self.view.go_to(bytes(memory.value("place")))

    def start(self, locations: Sequence[Location] = ()) -> None:
        """Show the window, load the networks, open what the command line names and these."""
        self._smoothness.settle()
        self.view.show()
        self.controller.start()
        for location, settings in (*self._wishes.locations, *locations):
            self.controller.open(location, record=self._wishes.record, **settings)

    def close(self) -> None:
        """Close the window, and end what it has begun."""
        self.view.close()

    def _refresh(self) -> None:
        self.controller.refresh()
        if not self._loaded and self.controller.loaded:
            self._loaded = True
            self._smoothness.settle()  # the libraries for networks are most of all there is

    def _on_closing(self) -> None:
        if self._memory is not None:
            self._memory.setValue("place", self.view.place())
            self._memory.setValue("session", self.controller.model.remembered())
        self.controller.close()
        self._smoothness.end()


def run_window(wishes: WindowWishes, change: Callable[[SessionModel], None] = lambda _: None) -> int:
    """Show the window until it is closed; return the exit status.

    Args:
        wishes: What the command line asks for.
        change: What the command line changes of what was remembered.
    """
    application = make_application()
    memory = QSettings(ORGANISATION, "window")
    model = SessionModel()
    model.recall(str(memory.value("session", "")))
    change(model)
    window = Window(model, wishes, memory=memory)
    with Failures(window.controller.report), ending(window):
        window.start()
        return int(application.exec_())


@contextmanager
def ending(window: Window) -> Iterator[None]:
    """Let whoever tells the program to end close the window first, and with it every recording.

    Python hears of a signal when it is asked next: the window asks twice a second.
    """

    def end(*_: object) -> None:
        QTimer.singleShot(0, close)

    def close() -> None:
        window.close()
        QApplication.quit()  # a dialog may be open

    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    try:
        with heard(end, numbers):
            yield
    finally:
        window.close()


def make_application() -> QApplication:
    """Return the application, made where there is none yet.

    ``import cv2`` of the distribution with a window toolkit of its own points Qt at that one's plug-ins, which
    ends the program: what it has set is taken back.
    """
    import cv2

    if "cv2" in os.environ.get("QT_QPA_PLATFORM_PLUGIN_PATH", ""):
        del os.environ["QT_QPA_PLATFORM_PLUGIN_PATH"]
    del cv2
    running = QApplication.instance()
    if running is not None:
        return running
    for name in ("AA_EnableHighDpiScaling", "AA_UseHighDpiPixmaps"):  # Qt 6 always does
        if hasattr(Qt, name):
            QCoreApplication.setAttribute(getattr(Qt, name))
    if hasattr(QApplication, "setHighDpiScaleFactorRoundingPolicy"):
        QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Sitepose")
    application.setStyle("Fusion")
    return application


class Failures:
    """Errors that nobody has expected are shown and logged; without this, Qt ends the program at once.

    Args:
        report: Shows one.
    """

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report
        self._before = sys.excepthook

    def __enter__(self) -> Failures:
        sys.excepthook = self._on_error
        return self

    def __exit__(self, *_: object) -> None:
        sys.excepthook = self._before

    def _on_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        _log.error("unexpected", exc_info=(kind, error, trace))
        try:
            self._report(error)
        except Exception:  # noqa: BLE001  showing an error must not be the next one
            _log.exception("an error cannot be shown")


def _connect(view: MainWindow, controller: Controller) -> None:
    """Let the user's wishes reach the controller."""
    wishes: dict[str, Callable[[], None]] = {
        "close": controller.close_source,
        "record": controller.recording.toggle,
        "mark": controller.recording.mark,
        "compare": controller.compare,
        "pause": controller.replay.pause,
        "forward": lambda: controller.replay.step(1),
        "back": lambda: controller.replay.step(-1),
        "second_forward": lambda: controller.replay.skip(1.0),
        "second_back": lambda: controller.replay.skip(-1.0),
        "faster": lambda: controller.replay.speed(2.0),
        "slower": lambda: controller.replay.speed(0.5),
        "boxes": lambda: controller.toggle_layer("boxes"),
        "skeletons": lambda: controller.toggle_layer("skeletons"),
        "labels": lambda: controller.toggle_layer("labels"),
        "trails": lambda: controller.toggle_layer("trails"),
        "follow": controller.following.next,
        "zoom": controller.following.toggle_zoom,
        "unfollow": controller.dismiss,
        "theme": controller.toggle_theme,
        "retry": controller.retry,
    }
    view.wished.connect(lambda name: wishes[name]())
    view.ticked.connect(controller.tick)
    view.keptChosen.connect(controller.recording.keep)
    view.noteWritten.connect(controller.recording.note)
    view.personClicked.connect(controller.following.follow)
    view.frameSought.connect(controller.replay.seek_frame)
    view.speedChanged.connect(controller.replay.speed)
    view.stepped.connect(controller.replay.step)
    view.panel.sourceSelected.connect(controller.select_source)
    view.panel.partChosen.connect(controller.parts.choose)
    view.panel.settingChanged.connect(controller.parts.change_setting)
    view.panel.presetChosen.connect(controller.parts.choose_preset)

    def open_source(wish: SourceWish) -> None:
        controller.open(wish.location, **wish.settings)

    view.sourceWished.connect(open_source)
