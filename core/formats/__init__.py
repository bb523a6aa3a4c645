"""Readers and writers of pose, box and annotation files."""
