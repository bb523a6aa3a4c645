"""Stages, and the threads that run them."""
