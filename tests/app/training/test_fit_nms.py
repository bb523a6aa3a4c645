"""Fitting a pose-NMS: from labels and saved candidates to a file that a run takes."""

from __future__ import annotations

import json

import pytest

from sitepose.app.cli.main import main
from sitepose.app.config import read_config
from sitepose.app.training.fit_nms import SearchPlan, fit_nms
from sitepose.app.training.labelled_runs import read_labelled_run
from sitepose.core.errors import ConfigError, FormatError
from sitepose.tracking.pose_nms.methods import pose_nms_method

pytest.importorskip("hotcoco", reason="scoring needs the extra [validation]")

PLAN = SearchPlan(trials=12, folds=3)


@pytest.fixture
def labelled(labelled_run):
    return read_labelled_run(*labelled_run, area_rule="segment")


class TestFitNms:
    def test_gains_on_images_held_out(self, labelled):
        """Crops of a person lie 10 pixels apart, beyond the published limits; a fit finds wider ones."""
        fit = fit_nms([labelled], pose_nms_method("parametric"), {"form": "published"}, PLAN)
        assert fit.gains["run"].low > 0
        assert fit.held_out["run"] == pytest.approx(fit.default["run"] + fit.gains["run"].value)

    def test_what_is_fixed_gains_nothing(self, labelled):
        fixed = {"threshold": 0.9, "min_keypoint_score": 0.0}
        fit = fit_nms([labelled], pose_nms_method("oks"), fixed, PLAN)
        assert fit.held_out == fit.default
        assert fit.settings.threshold == 0.9

    def test_the_same_seed_finds_the_same(self, labelled):
        first, second = (fit_nms([labelled], pose_nms_method("parametric"), {}, PLAN) for _ in range(2))
        assert first.settings == second.settings
        assert first.held_out == second.held_out

    def test_counts_its_trials(self, labelled):
        calls = []
        fit_nms([labelled], pose_nms_method("soft-oks"), {}, PLAN, progress=lambda: calls.append(1))
        assert len(calls) == PLAN.trials


class TestReadLabelledRun:
    def test_joins_labels_and_candidates_by_the_name_of_the_image(self, labelled_run):
        annotations, run = labelled_run
        table = json.loads(annotations.read_text())
        table["images"].reverse()
        annotations.write_text(json.dumps(table))
        labelled = read_labelled_run(annotations, run, area_rule="segment")
        for image, candidates, rows in zip(
            labelled.truth.images, labelled.candidates, labelled.truth.rows_by_image(), strict=True
        ):
            assert image.image_id == 100 + int(image.file_name[:3])
            assert abs(candidates.keypoints[0, :, 0] - labelled.truth.keypoints[rows[0]]).max() < 6

    def test_images_without_candidates_are_an_error(self, labelled_run):
        annotations, run = labelled_run
        table = json.loads(annotations.read_text())
        table["images"].append({"id": 7, "file_name": "seven.png", "width": 640, "height": 480})
        annotations.write_text(json.dumps(table))
        with pytest.raises(FormatError, match=r"1 of 13 labelled images are not in it, first seven\.png"):
            read_labelled_run(annotations, run, area_rule="segment")


class TestCommand:
    def test_writes_a_file_that_a_run_takes(self, labelled_run, tmp_path, capsys):
        annotations, run = labelled_run
        job, output = tmp_path / "job.toml", tmp_path / "fitted" / "nms.toml"
        job.write_text(
            f'method = "parametric"\noutput = "{output}"\ntrials = 8\nfolds = 2\n'
            f'[settings]\nform = "published"\n[[sets]]\nannotations = "{annotations}"\nrun = "{run}"\n'
        )
        assert main(["train", "fit-nms", str(job), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        config = read_config(output)
        assert config.nms.name == "parametric"
        fitted = pose_nms_method("parametric").settings.model_validate(config.nms.settings)
        assert fitted.form == "published"
        assert told["settings"]["published"]["matches"] == fitted.published.matches
        assert fitted.published.eta == pytest.approx(told["settings"]["published"]["eta"], rel=1e-5)

    def test_says_what_it_gains(self, labelled_run, tmp_path, capsys):
        annotations, run = labelled_run
        job = tmp_path / "job.toml"
        job.write_text(
            f'method = "oks"\noutput = "{tmp_path}/nms.toml"\ntrials = 5\nfolds = 2\n'
            f'[[sets]]\nannotations = "{annotations}"\nrun = "{run}"\n'
        )
        assert main(["train", "fit-nms", str(job)]) == 0
        printed = capsys.readouterr().out.splitlines()
        assert printed[0].startswith("run: AP 0.")
        assert "over 12 images" in printed[0]
        assert printed[-1] == f"settings fitted on all of them: {tmp_path}/nms.toml"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            pytest.param(
                "trails = 3\nsets = []", "job.toml: trails: unexpected key; did you mean 'trials'", id="key"
            ),
            pytest.param("trials = ", "job.toml: not a TOML file", id="not TOML"),
            pytest.param("trials = 5", "job.toml: sets: missing", id="no sets"),
        ],
    )
    def test_a_faulty_description_is_one_line_and_usage(self, text, message, tmp_path, capsys):
        job = tmp_path / "job.toml"
        job.write_text(text)
        assert main(["train", "fit-nms", str(job)]) == 2
        errors = capsys.readouterr().err
        assert message in errors
        assert errors.count("\n") == 1

    def test_an_unknown_method_is_named(self, labelled_run, tmp_path, capsys):
        annotations, run = labelled_run
        job = tmp_path / "job.toml"
        job.write_text(f'method = "kn"\n[[sets]]\nannotations = "{annotations}"\nrun = "{run}"\n')
        assert main(["train", "fit-nms", str(job)]) == 2
        assert "unknown pose NMS 'kn'" in capsys.readouterr().err


def test_fixed_settings_of_the_wrong_kind_are_refused(labelled):
    with pytest.raises(ConfigError, match=r"\[settings\] person_score"):
        fit_nms([labelled], pose_nms_method("oks"), {"person_score": "boxes"}, PLAN)
