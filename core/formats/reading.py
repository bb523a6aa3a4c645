"""What every reader needs: JSON without surprises, arrays of the right shape, and one clear line when not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sitepose.core.errors import FormatError

DoubleArray = NDArray[np.float64]
"""Numbers of files are kept as they are: metrics compare them to the last digit."""

LARGEST = 1e9
"""Numbers beyond this are no pixel of any picture: they are damage, and would overflow float32 arithmetic."""


def parse_json(text: str | bytes, *, where: str) -> Any:
    """Return the value of a JSON text; NaN and Infinity, which JSON does not have, are refused.

    Args:
        text: The whole text.
        where: File, or file and line, for the message.

    Raises:
        FormatError: It is not JSON.

    >>> parse_json("[1, NaN]", where="a.json")
    Traceback (most recent call last):
    ...
    sitepose.core.errors.FormatError: a.json: not JSON (NaN is not a JSON number)
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise FormatError(f"{where}: not JSON of ours (nested too deeply)") from error
    except ValueError as error:  # also UnicodeDecodeError, JSONDecodeError, and integers of 5000 digits
        raise FormatError(f"{where}: not JSON ({error})") from error


def read_json(path: str | Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        FormatError: It cannot be opened, or is not JSON.
    """
    return parse_json(read_bytes(path), where=str(path))


def read_bytes(path: str | Path) -> bytes:
    """Return a file's content.

    Raises:
        FormatError: It cannot be opened.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def unreadable(path: str | Path, error: Exception) -> FormatError:
    """Return the error of a file that cannot be opened."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return FormatError(f"{path}: cannot be read: {reason}")


def table(value: Any, *, where: str) -> dict[str, Any]:
    """Return ``value`` if it is a JSON object.

    Raises:
        FormatError: It is something else.
    """
    if not isinstance(value, dict):
        raise FormatError(f"{where}: expected an object {{...}}, not {brief(value)}")
    return value


def rows(value: Any, *, where: str) -> list[Any]:
    """Return ``value`` if it is a JSON array.

    Raises:
        FormatError: It is something else.
    """
    if not isinstance(value, list):
        raise FormatError(f"{where}: expected a list [...], not {brief(value)}")
    return value


def required(entry: Mapping[str, Any], key: str, *, where: str) -> Any:
    """Return ``entry[key]``.

    Raises:
        FormatError: There is no such key.
    """
    if key not in entry:
        raise FormatError(f"{where}: {key!r} is missing")
    return entry[key]


def whole(value: Any, *, where: str) -> int:
    """Return an integer that fits 64 bits; 3.0 counts as 3, True does not.

    Raises:
        FormatError: It is something else.
    """
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or not -(2**63) <= number < 2**63:
        raise FormatError(f"{where}: expected a whole number, not {brief(value)}")
    return number


def text(value: Any, *, where: str) -> str:
    """Return ``value`` if it is a string.

    Raises:
        FormatError: It is something else.
    """
    if not isinstance(value, str):
        raise FormatError(f"{where}: expected a text, not {brief(value)}")
    return value


def numbers(value: Any, shape: tuple[int, ...], *, where: str) -> DoubleArray:
    """Return a float64 array of ``shape``; -1 in the shape stands for any length.

    Raises:
        FormatError: It has another shape, or holds something that is no finite number.

    >>> numbers([[0, 1]], (-1, 2), where="box").tolist()
    [[0.0, 1.0]]
    """
    array = _float64(value, where=where)
    if array.size == 0 and any(side in (0, -1) for side in shape):
        array = array.reshape([0 if side == -1 else side for side in shape])
    fits = array.ndim == len(shape) and all(
        want in (-1, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = " x ".join("N" if side == -1 else str(side) for side in shape)
        raise FormatError(f"{where}: expected {wanted or 'one'} numbers, not {brief(value)}")
    if not (np.abs(array) < LARGEST).all():
        raise FormatError(f"{where}: a number is not finite or beyond {LARGEST:g}")
    return array


def number(value: Any, *, where: str) -> float:
    """Return one finite number.

    Raises:
        FormatError: It is something else.
    """
    return float(_checked_scalar(value, where=where))


def brief(value: Any) -> str:
    """Return a value as text short enough for an error line.

    >>> brief("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."
    """
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:38]}..."


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def _float64(value: Any, *, where: str) -> DoubleArray:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{where}: expected numbers, not {brief(value)}") from error
    if array.dtype.kind not in "iuf" and array.size:  # texts and truth values would turn into numbers silently
        raise FormatError(f"{where}: expected numbers, not {brief(value)}")
    return array.astype(np.float64)


def _checked_scalar(value: Any, *, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        raise FormatError(f"{where}: expected a number, not {brief(value)}")
    return value
