"""Forms made from settings classes."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field

from sitepose.app.config import PartConfig
from sitepose.app.gui.figures import NONE, disk_line, figures_table
from sitepose.app.gui.forms import form_fields
from sitepose.app.gui.hotkeys import HOTKEYS
from sitepose.app.gui.menu import PARTS, options, settings_of
from sitepose.app.live.stats import LiveFigures, Percentiles
from sitepose.core.settings import Settings


class Sample(Settings):
    """One of each."""

    on: bool = True
    """Whether."""
    count: int = Field(3, ge=1, lt=10)
    share: float = Field(0.3, gt=0, le=1)
    way: Literal["a", "b"] = "b"
    limit: float | None = None
    place: tuple[int, int] = (0, 0)
    needed: str


class TestFormFields:
    def test_one_for_each_setting_that_a_form_can_show(self):
        fields = {field.name: field for field in form_fields(Sample, {"count": 5})}

        assert {name: field.kind for name, field in fields.items()} == {
            "on": "switch",
            "count": "whole",
            "share": "number",
            "way": "choice",
            "limit": "number",
        }
        assert fields["on"].help == "Whether."
        assert (fields["count"].value, fields["count"].low, fields["count"].high) == (5, 1, 9)
        assert 0 < fields["share"].low < 0.01
        assert fields["limit"].optional

    @pytest.mark.parametrize(
        ("part", "name"), [(part, option.name) for part in PARTS for option in options(part)]
    )
    def test_every_part_there_is_has_a_form_whose_values_its_settings_take(self, part, name):
        kind = settings_of(part, PartConfig(name=name))
        if kind is None:
            return
        for field in form_fields(kind):
            kind.model_validate({field.name: field.value})
            if field.kind in ("whole", "number") and field.value is not None:
                assert field.low <= field.value <= field.high


class TestFigures:
    def test_before_there_are_any(self):
        table = figures_table(None, None)

        assert [tile.value for tile in table.tiles] == [NONE, NONE, NONE]
        assert (table.steps, table.frames, table.models) == ((), (), ())

    def test_in_words(self):
        figures = LiveFigures(
            captured=100,
            inferred=60,
            waiting=0,
            dropped={"network": 3, "inference": 37, "failed": 0},
            capture_rate=29.97,
            inference_rate=18.0,
            recent={"detect": Percentiles(20.04, 30, 45.5, 60)},
            stages={},
        )
        table = figures_table(figures, 0.041)

        assert [tile.value for tile in table.tiles] == ["30.0", "18.0", "41 ms"]
        assert [(row.name, row.count) for row in table.frames] == [
            ("captured", "100"),
            ("with poses", "60"),
            ("lost by the network", "3"),
            ("newer came before inference", "37"),
            ("waiting", "0"),
        ]
        assert [(row.name, row.p50, row.p99) for row in table.steps] == [("detect", "20.0", "45.5")]

    @pytest.mark.parametrize(
        ("seconds", "line"),
        [
            (None, "1.0 GB free"),
            (59, "1.0 GB free, 00 min of recording"),
            (3660, "1.0 GB free, 1 h 01 min of recording"),
        ],
    )
    def test_disk(self, seconds, line):
        assert disk_line(1_000_000_000, seconds) == line


class TestHotkeys:
    def test_no_key_does_two_things(self):
        assert len({key.keys for key in HOTKEYS}) == len(HOTKEYS) == len({key.action for key in HOTKEYS})
