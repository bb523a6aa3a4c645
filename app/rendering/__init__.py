"""Poses on an image; no Qt."""
