"""Labelled images and the saved candidates of a run over them, joined by the images' names."""

from __future__ import annotations

from pathlib import Path, PurePath

from sitepose.app.outputs.writers import CANDIDATES, POSES
from sitepose.app.training.fit_nms import LabelledCandidates
from sitepose.core.errors import FormatError
from sitepose.core.formats.candidates import read_candidates
from sitepose.core.formats.coco import read_coco
from sitepose.core.formats.poses_jsonl import read_poses
from sitepose.core.skeleton import load_skeleton
from sitepose.models.metrics.coco_evaluation import AreaRule


def read_labelled_run(annotations: Path, run: Path, *, area_rule: AreaRule) -> LabelledCandidates:
    """Return the labelled images of a COCO file with the candidates that a run over their folder kept.

    Images of the run without labels in the file are left out.

    Args:
        annotations: COCO keypoint annotations.
        run: Folder of a run over the images with ``--save-candidates``.
        area_rule: Which area goes into OKS.

    Raises:
        FormatError: A file cannot be read, an image was not in the run, or the keypoints differ.
    """
    truth = read_coco(annotations)
    poses = read_poses(run / POSES)
    skeleton = load_skeleton(poses.header.skeleton)
    labelled = len(truth.keypoint_names)
    if labelled != len(skeleton):
        raise FormatError(
            f"{annotations} has {labelled} keypoints, {run} the {len(skeleton)} of {skeleton.name}"
        )
    names = {record.index: PurePath(record.name).name for record in poses if record.name is not None}
    found = {names[index]: people for index, people in read_candidates(run / CANDIDATES) if index in names}
    wanted = [PurePath(image.file_name).name for image in truth.images]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise FormatError(
            f"{run}: {len(missing)} of {len(wanted)} labelled images are not in it, first {missing[0]}"
        )
    return LabelledCandidates(
        name=run.name,
        truth=truth,
        candidates=[found[name] for name in wanted],
        skeleton=skeleton,
        area_rule=area_rule,
    )
