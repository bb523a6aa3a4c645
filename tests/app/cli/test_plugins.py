"""``sitepose plugins list``."""

import json

import pytest

from sitepose.app.cli import main


def test_a_table_names_every_built_in_detector(capsys):
    assert main(["plugins", "list"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "KIND", "ORIGIN", "VERSION", "LICENCE", "LOADS"]
    assert {"centernet", "yolox", "picodet", "groundtruth", "detections"} <= {row.split()[0] for row in rows}


def test_json_says_the_same(capsys):
    assert main(["plugins", "list", "--json", "--kind", "detector"]) == 0
    rows = json.loads(capsys.readouterr().out)["plugins"]
    yolox = next(row for row in rows if row["name"] == "yolox")
    assert {row["kind"] for row in rows} == {"detector"}
    assert (yolox["origin"], yolox["licence"], yolox["loads"]) == ("sitepose", "Apache-2.0", True)


def test_without_an_action_the_usage_is_told(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["plugins"])
    assert caught.value.code == 2
    assert "list" in capsys.readouterr().err
