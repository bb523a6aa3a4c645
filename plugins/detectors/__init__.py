"""Detectors: frames in, boxes out."""
