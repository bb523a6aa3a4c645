"""Foreign formats made into ONNX once, and kept beside what they were made of."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from sitepose.models.zoo.card import ImportSpec, ModelCard
from sitepose.models.zoo.hashes import good_hash, remove_with_stamp, write_atomically, write_stamp

IMPORTERS: Mapping[str, int] = {"tfjs": 1}
"""Version of each importer: grows with every change that alters the files made, which are then made anew."""

KEY_DIGITS = 12
"""Digits of the key in the name of an imported file."""

_log = logging.getLogger(__name__)


def imported_path(card: ModelCard, spec: ImportSpec, folder: Path, hashes: Mapping[str, str]) -> Path:
    """Return where the ONNX file belongs that is made of these files by this importer for this card.

    Args:
        card: The card.
        spec: Its recipe.
        folder: Where its files are.
        hashes: The sha256 of each, by name.
    """
    ingredients = [IMPORTERS[spec.format], sorted(hashes.items()), spec.model_dump(mode="json"), _form(card)]
    key = hashlib.sha256(json.dumps(ingredients).encode()).hexdigest()[:KEY_DIGITS]
    return folder / f"{card.name}-{key}.onnx"


def is_imported(target: Path) -> bool:
    """Return whether the ONNX file is there, and as it was made."""
    return target.is_file() and good_hash(target, None) is not None


def import_network(card: ModelCard, spec: ImportSpec, folder: Path, target: Path) -> None:
    """Make the ONNX file.

    Raises:
        WeightsError: The network cannot be converted.
    """
    from sitepose.models.zoo.tfjs.convert import InputForm, convert

    form = InputForm(size_wh=card.input.size_wh, layout=card.input.layout, dtype=card.input.dtype)
    network = convert(folder / card.files[0].name, outputs=spec.outputs, channels=spec.channels, form=form)
    content = network.SerializeToString(deterministic=True)
    write_atomically(target, content)
    for older in folder.glob(f"{card.name}-*{target.suffix}"):
        if older != target:
            remove_with_stamp(older)
    write_stamp(target, hashlib.sha256(content).hexdigest())
    _log.info("imported %s into %s", card.name, target)


def _form(card: ModelCard) -> list[object]:
    return [card.input.size_wh, card.input.layout, card.input.dtype]
