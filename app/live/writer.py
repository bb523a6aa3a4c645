"""The poses of a live source as a file and to other programs, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from queue import Empty, Full, Queue

from sitepose.app.live.parts import LiveParts
from sitepose.app.live.results import LiveResult
from sitepose.app.outputs.publish import Broadcast, Programme
from sitepose.app.outputs.writers import POSES, make_folder
from sitepose.app.run import described
from sitepose.core.errors import SiteposeError
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader, PosesWriter

LONGEST_QUEUE = 256
"""Results that may wait for the disk: eight seconds of video."""

TAKE_S = 0.1
"""How often a writer without results looks whether it has ended."""


class LiveWriter:
    """Writes the results of one source. Remembers which parts they come from, and how many frames were written.

    A result that finds the queue full is lost, counted, and told of: nothing waits for the disk.

    Args:
        source: Key of the source.
        parts: Whose poses they are.
        folder: Where ``poses.jsonl`` goes; None writes no file.
        publish: Where else, as JSON lines that name the source.
        select: Write this person only; None writes everybody.
        failed: Told, once, why nothing more can be written.
    """

    def __init__(
        self,
        source: str,
        parts: LiveParts,
        *,
        folder: Path | None,
        publish: Broadcast | None = None,
        select: int | None = None,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.frames = 0
        self.lost = 0
        self.failure = ""
        self._source = source
        self._parts = parts
        self._folder = folder
        self._publish = publish
        self._select = select
        self._failed = failed
        self._queue: Queue[LiveResult | tuple[int, LiveParts]] = Queue(LONGEST_QUEUE)
        self._ending = threading.Event()
        self._dropped: int = 0
        if folder is not None:
            make_folder(folder)
        self._thread = threading.Thread(target=self._run, name=f"write {source}")
        self._thread.start()

    def put(self, result: LiveResult) -> None:
        """Take a result; never waits."""
        if result.source == self._source and not self._ending.is_set():
            self._leave(result)

    def switched(self, source: str, index: int, parts: LiveParts) -> None:
        """Take note that other parts serve the source from frame ``index`` on."""
        if source == self._source and not self._ending.is_set():
            self._leave((index, parts))

    def close(self, *, dropped: int = 0) -> None:
        """Write what waits and the last line, which says that ``dropped`` frames were not looked at."""
        self._dropped = dropped
        self._ending.set()
        self._thread.join()

    def _leave(self, item: LiveResult | tuple[int, LiveParts]) -> None:
        try:
            self._queue.put_nowait(item)
        except Full:
            self.lost += 1

    def _run(self) -> None:
        try:
            with ExitStack() as closers:
                self._serve(closers)
        except SiteposeError as error:
            self.failure = str(error)
            self._ending.set()
            self._failed(self.failure)

    def _serve(self, closers: ExitStack) -> None:
        outputs: list[PosesWriter | Programme] = []
        while not (self._ending.is_set() and self._queue.empty()):
            try:
                item = self._queue.get(timeout=TAKE_S)
            except Empty:
                continue
            if isinstance(item, LiveResult):
                outputs = outputs or self._open(item, closers)
                self._write(item, outputs)
            else:
                self._change(*item, outputs)
        for output in outputs:
            output.end(frames=self.frames, dropped=self._dropped + self.lost)

    def _open(self, first: LiveResult, closers: ExitStack) -> list[PosesWriter | Programme]:
        header = header_of(self._parts, first)
        outputs: list[PosesWriter | Programme] = []
        if self._folder is not None:
            outputs.append(closers.enter_context(PosesWriter(self._folder / POSES, header)))
        if self._publish is not None:
            programme = self._publish.programme(header, source=self._source)
            outputs.append(closers.enter_context(programme))
        return outputs

    def _change(self, index: int, parts: LiveParts, outputs: list[PosesWriter | Programme]) -> None:
        self._parts = parts
        for output in outputs:
            if isinstance(output, PosesWriter):
                output.change(index, **change_of(parts))

    def _write(self, result: LiveResult, outputs: list[PosesWriter | Programme]) -> None:
        record = self._record(result)
        for output in outputs:
            if isinstance(output, PosesWriter):
                output.write(record)
            else:
                output.publish(record)
        self.frames += 1

    def _record(self, result: LiveResult) -> PoseRecord:
        frame, poses = result.tracked.frame, result.tracked.poses
        if self._select is not None:
            poses = poses[poses.track_ids == self._select]
        return PoseRecord(frame.index, frame.timestamp, frame.pts, poses, frame.name)


def header_of(parts: LiveParts, result: LiveResult) -> PosesHeader:
    """Return the first line of a file of poses that begins with a result."""
    frame = result.tracked.frame
    return PosesHeader(
        source=frame.source_id or result.source,
        width=frame.size_wh[0],
        height=frame.size_wh[1],
        skeleton=parts.skeleton.name,
        keypoint_names=parts.skeleton.keypoint_names,
        config=described(parts.config),
        models=tuple(_models(parts)),
        version=version("sitepose"),
    )


def change_of(parts: LiveParts) -> dict[str, object]:
    """Return what the line of a switch says."""
    config = parts.config
    named = {part: getattr(config, part).name for part in ("detector", "pose", "nms", "tracker")}
    return {**named, "config": described(config), "models": _models(parts)}


def _models(parts: LiveParts) -> list[dict[str, str]]:
    return [{"name": model.name, "sha256": model.sha256} for model in parts.models]
