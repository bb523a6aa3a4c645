"""PyTorch weights from files, without running what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sitepose.core.errors import WeightsError

WRAPPERS = ("state_dict", "state_dict_ema", "model")
"""Keys under which training programs keep the weights."""

DATA_PARALLEL = "module."
"""What a network trained on several devices puts before every name."""

SHOWN = 3
"""Names in a message."""


def read_state(path: Path) -> dict[str, Any]:
    """Return the tensors of a safetensors or PyTorch file by name.

    Nothing in the file is run: PyTorch's own format is read with ``weights_only=True``.

    Raises:
        WeightsError: The file is missing, damaged, holds more than weights, or holds none.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    content = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    for key in WRAPPERS:
        inner = content.get(key)
        content = inner if isinstance(inner, Mapping) else content
    state = {name.removeprefix(DATA_PARALLEL): value for name, value in content.items()}
    if not state or not all(hasattr(value, "shape") for value in state.values()):
        raise WeightsError(f"{path}: not a table of weights")
    return state


def load_state(network: Any, state: Mapping[str, Any], *, path: Path) -> None:
    """Copy weights into a network; every name and shape must fit.

    Raises:
        WeightsError: They do not fit.
    """
    own = network.state_dict()
    unlike = [name for name in own if name in state and own[name].shape != state[name].shape]
    faults = {
        "lacks": sorted(own.keys() - state.keys() - _counters(own)),
        "has the unknown": sorted(state.keys() - own.keys()),
        "has another shape for": unlike,
    }
    told = [f"{fault} {_brief(names)}" for fault, names in faults.items() if names]
    if told:
        raise WeightsError(f"{path} does not fit {type(network).__name__}: it {'; it '.join(told)}")
    network.load_state_dict(dict(state), strict=False)


def _counters(own: Mapping[str, Any]) -> set[str]:
    """Return the names of the counters of batch norms, which older files do not have and nobody needs."""
    return {name for name in own if name.endswith(".num_batches_tracked")}


def _brief(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a safetensors file: {error}") from error


def _pickled(path: Path) -> Mapping[str, Any]:
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises nearly anything
        reason = str(error).strip().partition("\n")[0]
        raise WeightsError(f"{path}: cannot be loaded as weights alone: {reason}") from error
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path}: not a table of weights")
    return content
