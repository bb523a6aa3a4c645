"""When an unattended recording is on: ``mon-fri 07:00-19:00, sat 10:00-14:00``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sitepose.core.errors import ConfigError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

DAY_MINUTES = 24 * 60

_ENTRY = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:-[a-z]{3})?)\s+)?"
    r"(?P<h1>\d{1,2}):(?P<m1>\d{2})\s*-\s*(?P<h2>\d{1,2}):(?P<m2>\d{2})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Window:
    """A time of day on some days; one that ends before it begins ends on the next day.

    Attributes:
        days: Of its begin, 0 is Monday.
        begin: Minutes since midnight.
        end: Minutes since midnight, not included.
    """

    days: frozenset[int]
    begin: int
    end: int

    def contains(self, moment: datetime) -> bool:
        """Return whether a moment of local time lies in it."""
        minute = moment.hour * 60 + moment.minute
        today = moment.weekday()
        if self.begin < self.end:
            return today in self.days and self.begin <= minute < self.end
        return (today in self.days and minute >= self.begin) or (
            (today - 1) % 7 in self.days and minute < self.end
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Windows of local time; none at all means always."""

    windows: tuple[Window, ...] = ()

    def active(self, moment: datetime) -> bool:
        """Return whether to record at a moment of local time."""
        return not self.windows or any(window.contains(moment) for window in self.windows)


def parse_schedule(text: str) -> Schedule:
    """Return what a schedule says.

    Args:
        text: Times of day with commas between them, each for all days or some.

    Raises:
        ConfigError: It cannot be read.

    >>> schedule = parse_schedule("mon-fri 22:00-06:00")
    >>> schedule.active(datetime(2025, 3, 1, 5, 59))  # the morning after a Friday
    True
    >>> schedule.active(datetime(2025, 3, 1, 22, 0))
    False
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    return Schedule(tuple(_window(entry) for entry in entries))


def _window(entry: str) -> Window:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ConfigError(f"schedule {entry!r}: expected such as '07:00-19:00' or 'mon-fri 07:00-19:00'")
    begin, end = (_minutes(match[h], match[m], entry) for h, m in (("h1", "m1"), ("h2", "m2")))
    if begin == end:
        raise ConfigError(f"schedule {entry!r}: begins when it ends; for the whole day write 00:00-24:00")
    return Window(_days(match["days"], entry), begin, end)


def _minutes(hours: str, minutes: str, entry: str) -> int:
    value = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or value > DAY_MINUTES:
        raise ConfigError(f"schedule {entry!r}: {hours}:{minutes} is no time of day")
    return value


def _days(text: str | None, entry: str) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    names = text.lower().split("-")
    unknown = [name for name in names if name not in DAYS]
    if unknown:
        raise ConfigError(f"schedule {entry!r}: {unknown[0]!r} is no day; there is: {', '.join(DAYS)}")
    first, last = DAYS.index(names[0]), DAYS.index(names[-1])
    return frozenset((first + n) % 7 for n in range((last - first) % 7 + 1))
