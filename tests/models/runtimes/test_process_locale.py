from __future__ import annotations

import locale
from collections.abc import Iterator

import pytest

from sitepose.models.runtimes.process_locale import KeptLocale


@pytest.fixture
def own() -> Iterator[str]:
    """A locale that is not the plain one."""
    before = locale.setlocale(locale.LC_ALL)
    yield locale.setlocale(locale.LC_ALL, "C.UTF-8")
    locale.setlocale(locale.LC_ALL, before)


def test_the_locale_is_back_when_the_last_has_left(own):
    kept = KeptLocale()
    with kept:
        first = locale.setlocale(locale.LC_ALL)
        locale.setlocale(locale.LC_ALL, "C")
        with kept:
            second = locale.setlocale(locale.LC_ALL)
            locale.setlocale(locale.LC_ALL, first)
        # Whoever came second found "C", and leaves that.
        locale.setlocale(locale.LC_ALL, second)

    assert locale.setlocale(locale.LC_ALL) == own
    assert second == "C"


def test_it_is_looked_at_anew_each_time(own):
    kept = KeptLocale()
    with kept:
        pass
    locale.setlocale(locale.LC_ALL, "C")
    with kept:
        locale.setlocale(locale.LC_ALL, own)

    assert locale.setlocale(locale.LC_ALL) == "C"
