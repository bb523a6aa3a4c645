"""What the window does: the user's wishes to the engine, the engine's answers to the view. No Qt."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sitepose.app.config import PartConfig
from sitepose.app.gui.figures import figures_table
from sitepose.app.gui.following import Following, follow_in_all, next_person
from sitepose.app.gui.forms import form_fields
from sitepose.app.gui.menu import PARTS, Part, options, settings_of
from sitepose.app.gui.model import Banner, SessionModel, SourceEntry
from sitepose.app.gui.panes import Panes
from sitepose.app.gui.publishing import PublishingDesk
from sitepose.app.gui.recording import RecordingDesk
from sitepose.app.gui.remedies import remedy
from sitepose.app.gui.replaying import ReplayDesk
from sitepose.app.gui.tasks import Tasks
from sitepose.app.gui.view import PartChoice, View
from sitepose.app.live.engine import FIRST, SECOND, LiveEngine, LiveView
from sitepose.app.live.events import LiveEvent
from sitepose.app.live.inputs import source_label, source_opener, source_secrets
from sitepose.app.logs import keep_out_of_logs
from sitepose.core.errors import SiteposeError
from sitepose.plugins.api import FrameSource
from sitepose.plugins.sources.live.secrets import Secrets

LANES = (FIRST, SECOND)

NOTICES = frozenset(("recording", "scene"))
"""Kinds of events that are no failure, and yet nobody should miss."""

_log = logging.getLogger(__name__)


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
        self._select = select
        self._secrets = Secrets()
        self._trackers: dict[str, tuple[PartConfig, str]] = {}
        self._view = view
        self._wake = wake
        self._events: deque[LiveEvent] = deque()
        self._engine = make_engine(on_event=self.on_event, on_view=self.on_view)
        self._panes = Panes(view, self._engine)
        self._tasks = Tasks(wake)
        self.recording = RecordingDesk(view, model, self._engine, self._tasks, self.on_event)
        self.replay = ReplayDesk(model, self._engine, self.tick)
        self._publishing = PublishingDesk(self._engine, self._tasks, self.on_event, publish, select)
        self._closed = False

    def start(self) -> None:
        """Show everything, and begin to load the networks."""
        self._view.show_theme(self.model.theme)
        self._view.show_layers(self.model.layers)
        for lane in LANES:
            self._show_parts(lane)
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
            settings: Login and transport of a network camera, or a pipeline.
        """
        try:
            label = source_label(location, pipeline=settings.get("pipeline"))
            self._keep_secret(location, settings)
        except SiteposeError as error:
            self._show_banner(Banner(str(error), remedy("source-failed", str(error))))
            return
        key = self.model.free_key(label)
        self.model.sources[key] = SourceEntry(key, label)
        self.model.current = key
        if self._select is not None and not self.model.following:
            self.model.following = Following(key, dict.fromkeys(LANES, self._select))
        self._show_sources()
        self._show_panes()
        self._show_following()
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
        if self.model.following.source == key:
            self._follow(Following())
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

    def choose_part(self, lane: str, part: Part, name: str) -> None:
        """Load another detector, pose network, pose-NMS or tracker; it takes over when it is there."""
        if name != getattr(self.model.configs[lane], part).name:
            self._switch(lane, self.model.with_part(lane, part, name))

    def change_setting(self, lane: str, part: Part, key: str, value: Any) -> None:
        """Change one setting of a part."""
        self._switch(lane, self.model.with_setting(lane, part, key, value))

    def choose_preset(self, lane: str, preset: str) -> None:
        """Take detector and pose network of a preset."""
        self._switch(lane, self.model.with_preset(lane, preset))

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

    def follow(self, source: str, lane: str, track_id: int | None) -> None:
        """Follow a person of a pane; None follows nobody."""
        if track_id is None:
            self._follow(Following())
        else:
            self._follow(follow_in_all(source, lane, track_id, LANES, self._engine.view(source)))

    def follow_next(self) -> None:
        """Follow the person at the right of the one who is followed now."""
        key = self.model.current
        view = self._engine.view(key)
        result = view.results.get(FIRST) if view is not None else None
        if result is None:
            self._view.show_status("nobody to follow yet")
            return
        self.follow(key, FIRST, next_person(result.tracked.poses, self.model.following.track_id(key, FIRST)))

    def toggle_zoom(self) -> None:
        """Show whoever is followed large, or all of the picture."""
        self.model.zoom = not self.model.zoom
        if self.model.zoom and not self.model.following:
            self._view.show_status("click a person, or press F, to follow somebody")
        self._show_following()

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
        self._show_banner(None)
        self._follow(Following())

    def report(self, error: BaseException) -> None:
        """Show an error that nobody has expected."""
        self._show_banner(Banner(f"{type(error).__name__}: {error}", remedy("unexpected", str(error))))

    def _switch(self, lane: str, config: Any) -> None:
        self.model.configs[lane] = config
        self._show_parts(lane)
        if self._engine.lane(lane) is not None:
            self._view.show_status("loading; what runs goes on until the new part is there")
            self._engine.switch(config, lane)

    def _show_event(self, event: LiveEvent) -> None:
        entry = self.model.sources.get(event.source)
        if entry is not None and event.kind.startswith("source"):
            entry.state, entry.message = event.state or entry.state, self._secrets.redact(event.message)
            self._show_sources()
        where = f"{event.source}: " if event.source else f"pipeline {event.lane}: " if event.lane else ""
        self._view.show_status(self._secrets.redact(f"{where}{event.message}"))
        if event.kind == "switched":
            self._note_tracker(event.lane)
        if event.config is not None and event.config == self.model.configs.get(event.lane):
            self._take_back(event.lane)
        banner = self.model.banner
        worse = banner is not None and banner.kind not in NOTICES
        if event.failed or event.state == "failed" or (event.kind in NOTICES and not worse):
            text = f"{where}{event.message}"
            self._show_banner(Banner(text, remedy(event.kind, event.message), event.kind))
        elif banner is not None and _cures(event, banner):
            self._show_banner(None)

    def _note_tracker(self, lane: str) -> None:
        """Forget whom the tracker has numbered where there is another one, which begins anew."""
        parts = self._engine.parts(lane)
        if parts is None:
            return
        tracker = parts.config.tracker, parts.skeleton.name
        if self._trackers.get(lane) not in (None, tracker):
            self._panes.forget_trails(lane)
            if lane in self.model.following.track_ids:
                self._follow(Following())
        self._trackers[lane] = tracker

    def _take_back(self, lane: str) -> None:
        """Show the parts that really run: after a failed switch these are the old ones."""
        running = self._engine.parts(lane)
        if running is not None:
            self.model.configs[lane] = running.config
            self._show_parts(lane)

    def _show_parts(self, lane: str) -> None:
        for part in PARTS:
            config = getattr(self.model.configs[lane], part)
            kind = settings_of(part, config)
            fields = form_fields(kind, config.settings) if kind is not None else []
            self._view.show_part(lane, PartChoice(part, options(part), config.name, fields))
        self._view.show_preset(lane, self.model.preset(lane))

    def _show_sources(self) -> None:
        self._view.show_sources(list(self.model.sources.values()), self.model.current)

    def _show_panes(self) -> None:
        lanes = LANES if self.model.compare else (FIRST,)
        self._panes.arrange(list(self.model.sources), lanes)

    def _follow(self, following: Following) -> None:
        self.model.following = following
        self._show_following()

    def _show_following(self) -> None:
        self._panes.follow(self.model.following, zoom=self.model.zoom)
        self._view.show_following(self.model.following, zoom=self.model.zoom)

    def _keep_secret(self, location: str, settings: Mapping[str, Any]) -> None:
        """Take note of what must appear neither on the screen nor in a log."""
        login = {name: settings.get(name) for name in ("pipeline", "user", "password")}
        secrets = source_secrets(location, **login)
        keep_out_of_logs(secrets)
        self._secrets |= secrets

    def _show_banner(self, banner: Banner | None) -> None:
        if banner is not None:
            banner = replace(banner, text=self._secrets.redact(banner.text))
        self.model.banner = banner
        self._view.show_banner(banner)


def _cures(event: LiveEvent, banner: Banner) -> bool:
    """Return whether an event is the good news that a banner has waited for."""
    if event.kind == "switched":
        return banner.kind in ("switch-failed", "stage-failed")
    return event.state == "playing" and banner.kind in ("source", "source-failed")
