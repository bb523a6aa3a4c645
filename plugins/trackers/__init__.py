"""Trackers chosen by name; adapters of other packages."""
