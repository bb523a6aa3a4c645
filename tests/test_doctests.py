"""Every example in a docstring is true: each module is one case."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import numpy as np
import pytest

PARTS = ("sitepose.core", "sitepose.tracking", "sitepose.models", "sitepose.plugins", "sitepose.app")

OURS = "sitepose"

PRINTED = {"linewidth": 75, "precision": 8, "suppress": False, "threshold": 1000, "formatter": None}
"""How numpy prints arrays unless told otherwise."""


def modules() -> Iterator[str]:
    for part in PARTS:
        package = importlib.import_module(part)
        yield part
        for found in pkgutil.walk_packages(package.__path__, f"{part}."):
            yield found.name


@pytest.mark.parametrize("name", list(modules()))
def test_examples_of_docstrings_are_true(name):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == OURS:
            raise
        pytest.skip(f"needs the optional library {error.name}")
    # Some libraries change how arrays are printed as soon as they are imported.
    with np.printoptions(**PRINTED):
        assert doctest.testmod(module).failed == 0


def test_walk_finds_the_parts():
    found = set(modules())
    assert {"sitepose.core.formats.coco", "sitepose.models.metrics.hota", "sitepose.app.cli.main"} <= found
