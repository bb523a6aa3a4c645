"""Readers and writers of pose, box and annotation files.

Inside Sitepose the centre of the top-left pixel is (0, 0) and boxes are ``xyxy``: a square that fills the
pixels 10..19 across and 20..39 down is the box (9.5, 19.5, 19.5, 39.5). Each format is converted in the module
that knows it:

=============  ==================================================  =====================  ====================
module         boxes in the file                                   that square            keypoints in the file
=============  ==================================================  =====================  ====================
poses_jsonl    ours                                                9.5 19.5 19.5 39.5     pixel centres, as ours
candidates     ours                                                9.5 19.5 19.5 39.5     pixel centres, as ours
csv            ours                                                9.5 19.5 19.5 39.5     pixel centres, as ours
coco           corner-based, left top width height: ours + .5      10 20 10 20            pixel centres, as ours
crowdpose      as coco                                             10 20 10 20            pixel centres, as ours
posetrack      as coco                                             10 20 10 20            pixel centres, as ours
alphapose      as coco                                             10 20 10 20            pixel centres, as ours
aic            corner-based, left top right bottom: ours + .5      10 20 20 40            pixel centres, as ours
mot            corner-based, counting from 1: left, top ours + 1.5 11 21 10 20            none
openpose       none                                                none                   pixel centres, as ours
=============  ==================================================  =====================  ====================
"""
