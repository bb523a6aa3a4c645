"""What the window does: the user's wishes to the engine, the engine's answers to the view. No Qt."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from sitepose.app.gui.figures import figures_table
from sitepose.app.gui.following_desk import FollowingDesk
from sitepose.app.gui.model import SessionModel, SourceEntry
from sitepose.app.gui.notices import NoticeBoard
from sitepose.app.gui.panes import Panes
from sitepose.app.gui.parts import PartsDesk
from sitepose.app.gui.publishing import PublishingDesk
from sitepose.app.gui.recording import RecordingDesk
from sitepose.app.gui.replaying import ReplayDesk
from sitepose.app.gui.tasks import Tasks
from sitepose.app.gui.view import View
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.events import LiveEvent
from sitepose.app.live.inputs import source_label, source_opener, source_secrets
from sitepose.app.live.views import FIRST, LANES, SECOND, LiveView
from sitepose.core.errors import SiteposeError
from sitepose.plugins.api import FrameSource


class Controller:
    """Stands between view and engine. All but :meth:`on_view` and :meth:`on_event` belong to the view's thread.

    Args:
        view: The window.
        model: What it knows.
        make_engine: Makes the engine, given whom to tell of events and of frames.
        wake: Asks the view's thread to call :meth:`refresh` soon; safe in any thread.
        publish: Where the poses of every source are sent to.
        select: Track id of the only person who is sent; they are followed from the start.
    """

    def __init__(
        self,
        view: View,
        model: SessionModel,
        make_engine: Callable[..., LiveEngine],
        wake: Callable[[], None],
        *,
        publish: tuple[str, ...] = (),
        select: int | None = None,
    ) -> None:
        self.model = model
        self._view = view
        self._wake = wake
        self._events: deque[LiveEvent] = deque()
        self._engine = make_engine(on_event=self.on_event, on_view=self.on_view)
        self._panes = Panes(view, self._engine)
        self._tasks = Tasks(wake)
        self._notices = NoticeBoard(view, model)
        self.parts = PartsDesk(view, model, self._engine)
        self.following = FollowingDesk(view, model, self._engine, self._panes, select)
        self.recording = RecordingDesk(view, model, self._engine, self._tasks, self.on_event)
        self.replay = ReplayDesk(model, self._engine, self.tick)
        self._publishing = PublishingDesk(self._engine, self._tasks, self.on_event, publish, select)
        self._closed = False

    def start(self) -> None:
        """Show everything, and begin to load the networks."""
        self._view.show_theme(self.model.theme)
        self._view.show_layers(self.model.layers)
        for lane in LANES:
            self.parts.show(lane)
        self.recording.show_kept()
        self._show_sources()
        self._view.show_compare(self.model.compare)
        self._view.show_status("loading networks")
        self._engine.start_lane(self.model.configs[FIRST])
        if self.model.compare:
            self._engine.start_lane(self.model.configs[SECOND], SECOND)
        self._show_panes()

    def close(self) -> None:
        """End everything; calling it twice is fine."""
        if not self._closed:
            self._closed = True
            self.recording.finish()
            self._publishing.end()
            self._engine.stop()
            self._tasks.close()

    @property
    def loaded(self) -> bool:
        """Whether the first networks are there."""
        return self._engine.parts() is not None

    # What comes from the engine's threads.

    def on_view(self, view: LiveView) -> None:
        """Make a frame ready for the screen; in the thread of its source."""
        if self._panes.prepare(view):
            self._wake()

    def on_event(self, event: LiveEvent) -> None:
        """Take note of an event; from any thread."""
        self._events.append(event)
        self._wake()

    # What the view's thread calls when it was woken, and twice a second.

    def refresh(self) -> None:
        """Show what is new."""
        while self._events:
            self._show_event(self._events.popleft())
        self._tasks.answer()
        self._panes.paint()

    def tick(self) -> None:
        """Show figures, and where recordings are."""
        key = self.model.current
        for lane in LANES if self.model.compare else (FIRST,):
            parts = self._engine.parts(lane)
            view = self._engine.view(key)
            table = figures_table(
                self._engine.figures(key, lane),
                None if view is None else view.age_s(lane),
                parts.models if parts is not None else (),
            )
            self._view.show_figures(lane, table)
        self.recording.show()
        self._view.show_replay(self.replay.position)

    # What the user wishes.

    def open(self, location: str, *, record: bool = False, **settings: Any) -> None:
        """Open a camera, a video or a session; a login goes to the camera and nowhere else.

        Args:
            location: As on the command line.
            record: Whether to record it from the start.
            settings: Login, transport and sub stream of a network camera, or a pipeline.
        """
        try:
            label = source_label(location, pipeline=settings.get("pipeline"))
            self._notices.keep_secret(source_secrets(location, **settings))
        except SiteposeError as error:
            self._notices.warn(str(error), "source-failed")
            return
        key = self.model.free_key(label)
        self.model.sources[key] = SourceEntry(key, label)
        self.model.current = key
        self._show_sources()
        self._show_panes()
        self.following.opened(key)
        if record:
            self.recording.begin_with(key)
        self._publishing.begin(key)

        def opened(listener: Callable[[Any], None]) -> FrameSource:
            return source_opener(location, **settings)(listener)  # libraries are imported beside the window

        self._engine.add_source(key, opened)

    def close_source(self, key: str = "") -> None:
        """Close a source; by default the current one."""
        key = key or self.model.current
        if self.model.sources.pop(key, None) is None:
            return
        self.recording.finish(key)
        self._publishing.end(key)
        self._engine.remove_source(key)
        self.model.current = next(iter(self.model.sources), "")
        self.following.closed(key)
        self._show_sources()
        self._show_panes()

    def select_source(self, key: str) -> None:
        """Make figures, recording and replay controls be about a source."""
        if key in self.model.sources:
            self.model.current = key
            self._show_sources()
            self.tick()

    def retry(self) -> None:
        """Try to reach the current camera now."""
        source: Any = self._engine.source(self.model.current)
        if hasattr(source, "retry_now"):
            source.retry_now()

    def compare(self) -> None:
        """Begin or end to run a second pipeline over the same frames."""
        self.model.compare = not self.model.compare
        if self.model.compare:
            if self._engine.lane(SECOND) is None:
                self._engine.start_lane(self.model.configs[SECOND], SECOND)
        else:
            self._tasks.run(lambda: self._engine.stop_lane(SECOND))
        self._view.show_compare(self.model.compare)
        self._show_panes()

    def toggle_layer(self, layer: str) -> None:
        """Show or hide boxes, skeletons, labels or trails."""
        self.model.layers = self.model.toggled(layer)
        self._view.show_layers(self.model.layers)

    def toggle_theme(self) -> None:
        """Be light in place of dark, or the other way round."""
        self.model.theme = "light" if self.model.theme == "dark" else "dark"
        self._view.show_theme(self.model.theme)

    def dismiss(self) -> None:
        """Follow nobody, and take the message away."""
        self._notices.dismiss()
        self.following.nobody()

    def report(self, error: BaseException) -> None:
        """Show an error that nobody has expected."""
        self._notices.warn(f"{type(error).__name__}: {error}", "unexpected")

    def _show_event(self, event: LiveEvent) -> None:
        entry = self.model.sources.get(event.source)
        if entry is not None and event.kind.startswith("source"):
            entry.state, entry.message = event.state or entry.state, self._notices.redact(event.message)
            self._show_sources()
        if event.kind == "switched":
            self.following.switched(event.lane)
        if event.config is not None:
            self.parts.answered(event.lane, event.config)
        self._notices.tell(event)

    def _show_sources(self) -> None:
        self._view.show_sources(list(self.model.sources.values()), self.model.current)

    def _show_panes(self) -> None:
        lanes = LANES if self.model.compare else (FIRST,)
        self._panes.arrange(list(self.model.sources), lanes)
