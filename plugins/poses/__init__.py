"""Pose estimators: frames and boxes in, candidates out."""
