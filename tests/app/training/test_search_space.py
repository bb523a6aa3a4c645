"""What a search may try."""

from __future__ import annotations

import numpy as np
import pytest

from sitepose.app.training.search_space import SPACES, Range, draw_settings, middle_of, space_of
from sitepose.core.errors import ConfigError
from sitepose.tracking.pose_nms.methods import POSE_NMS_METHODS, pose_nms_method


class TestRange:
    @pytest.mark.parametrize("scale", ["linear", "log", "whole"])
    def test_draws_stay_inside(self, scale):
        rng = np.random.default_rng(0)
        drawn = [Range("x", 1, 4, scale).draw(rng) for _ in range(200)]
        assert min(drawn) >= 1
        assert max(drawn) <= 4
        assert len(set(drawn)) == (4 if scale == "whole" else 200)


class TestSpaces:
    @pytest.mark.parametrize(("name", "form"), SPACES, ids=str)
    def test_every_space_gives_settings_that_the_method_takes(self, name, form):
        method = pose_nms_method(name)
        fixed = {"form": form} if form else {}
        space = space_of(method, method.settings(**fixed))
        rng = np.random.default_rng(0)
        for _ in range(20):
            settings = draw_settings(rng, method, space, fixed)
            assert isinstance(settings, method.settings)
            assert getattr(settings, "form", None) == form

    def test_every_method_with_parameters_has_a_space(self):
        assert {name for name, _ in SPACES} == set(POSE_NMS_METHODS) - {"none"}

    def test_what_is_fixed_stays(self):
        method = pose_nms_method("parametric")
        fixed = {"normalized": {"eta": 0.05}, "person_score": "box"}
        space = space_of(method, method.settings())
        settings = draw_settings(np.random.default_rng(0), method, space, fixed)
        assert settings.normalized.eta == 0.05
        assert settings.person_score == "box"

    def test_says_when_nothing_drawn_is_allowed(self):
        method = pose_nms_method("parametric")
        with pytest.raises(
            ConfigError, match="no settings of 1000 drawn are allowed, the last: search: normalized"
        ):
            draw_settings(np.random.default_rng(0), method, [Range("normalized.eta", 2, 3)], {})

    def test_says_when_there_is_nothing_to_fit(self):
        with pytest.raises(ConfigError, match="pose NMS 'none' has no settings to fit"):
            space_of(pose_nms_method("none"), pose_nms_method("none").settings())


class TestMiddleOf:
    def test_takes_the_median_of_each_value(self):
        method = pose_nms_method("km")
        tried = [method.settings(min_keypoints=n, node_factor=f) for n, f in ((1, 9.0), (2, 1.0), (5, 2.0))]
        space = [Range("min_keypoints", 1, 5, "whole"), Range("node_factor", 1, 9, "log")]
        middle = middle_of(tried, method, space, {"min_share": 0.3})
        assert (middle.min_keypoints, middle.node_factor, middle.min_share) == (2, 2.0, 0.3)

    def test_takes_the_first_where_the_middle_is_not_allowed(self):
        """eta .6 fits a weight of 0 and .1, not the middle of it and .9."""
        method = pose_nms_method("parametric")
        tried = [
            method.settings(normalized={"eta": eta, "score_weight": weight})
            for eta, weight in (
                (0.9, 0.1),
                (0.1, 0.9),
                (0.6, 0.4),
                (0.6, 0.4),
                (0.9, 0.1),
                (0.05, 0.9),
                (0.04, 0.9),
            )
        ]
        space = [Range("normalized.eta", 0, 1), Range("normalized.score_weight", 0, 1)]
        allowed = middle_of(tried, method, space, {})
        assert allowed.normalized.eta == 0.6
        refused = middle_of(
            [tried[0], tried[0], tried[5]], method, space, {"normalized": {"score_weight": 0.5}}
        )
        assert refused == tried[0]
