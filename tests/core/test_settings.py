"""Settings: strict and frozen, and every fault is one line that names the place and what would be right."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from sitepose.core.errors import ConfigError
from sitepose.core.settings import Settings, check


class Inner(Settings):
    """A part."""

    max_lost_s: float = Field(1.0, gt=0)
    """How long."""


class Outer(Settings):
    """A whole."""

    min_score: float = Field(0.3, ge=0, le=1)
    """From which on."""
    codec: Literal["argmax", "dark"] = "dark"
    """Which."""
    inner: Inner = Inner()
    """Its part."""
    size: int

    @field_validator("size")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("Expected an even number")
        return value


class TestCheck:
    def test_gives_the_settings(self):
        settings = check(Outer, {"size": 4, "inner": {"max_lost_s": 2}}, where="run.toml:")
        assert (settings.size, settings.min_score, settings.inner.max_lost_s) == (4, 0.3, 2)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"size": 4, "min_scor": 1}, "run.toml: [nms] min_scor: unexpected key; did you mean 'min_score'?"),
            (
                {"size": 4, "zzz": 1},
                "run.toml: [nms] zzz: unexpected key; there is: codec, inner, min_score, size",
            ),
            ({}, "run.toml: [nms] size: missing"),
            ({"size": 3}, "run.toml: [nms] size: expected an even number, not 3"),
            (
                {"size": 4, "min_score": 7},
                "run.toml: [nms] min_score: input should be less than or equal to 1, not 7",
            ),
            (
                {"size": 4, "codec": "fast"},
                "run.toml: [nms] codec: input should be 'argmax' or 'dark', not 'fast'",
            ),
            (
                {"size": 4, "inner": {"max_lost": 1}},
                "run.toml: [nms] inner.max_lost: unexpected key; did you mean 'max_lost_s'?",
            ),
            (
                {"size": 4, "min_score": float("nan")},
                "run.toml: [nms] min_score: input should be a finite number, not nan",
            ),
        ],
        ids=["misspelt", "unknown", "missing", "own rule", "range", "choice", "nested", "not a number"],
    )
    def test_a_fault_is_one_line_with_place_and_remedy(self, values, message):
        with pytest.raises(ConfigError) as caught:
            check(Outer, values, where="run.toml: [nms]")
        assert message.removesuffix("?") in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_several_faults_are_told_at_once(self):
        with pytest.raises(ConfigError) as caught:
            check(Outer, {"min_score": 2}, where="x")
        assert "x min_score: " in str(caught.value)
        assert "x size: missing" in str(caught.value)


class TestSettings:
    def test_cannot_be_changed(self):
        with pytest.raises(ValidationError, match="frozen"):
            Inner().max_lost_s = 2

    def test_say_what_each_is_for(self):
        assert Outer.model_fields["min_score"].description == "From which on."

    def test_a_faulty_default_is_found_when_it_is_used(self):
        class Faulty(Settings):
            share: float = Field(2.0, le=1)

        with pytest.raises(ConfigError, match="share: input should be less than or equal to 1"):
            check(Faulty, {}, where="x")
