"""Simulated cameras on loopback with a time barcode in their pixels; they need GStreamer's server library."""
