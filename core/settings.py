"""The strict, frozen base of every settings class: an unknown key is an error, a value out of range is one.

Each module owns its own small settings class beside its implementation. :func:`check` turns a plain mapping (a
table of a TOML file) into one, and every fault into a single line that names the place and what would be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sitepose.core.errors import ConfigError, did_you_mean


class Settings(BaseModel):
    """Base class of all settings: frozen, keyword-only, no unknown keys, finite numbers."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, use_attribute_docstrings=True
    )


S = TypeVar("S", bound=Settings)


def check(kind: type[S], values: Mapping[str, Any], *, where: str) -> S:
    """Return ``kind(**values)``, or raise one line that says which key is wrong and what would be right.

    Args:
        kind: The settings class.
        values: Keys and values as read from a file or the command line.
        where: Where the values come from, for the message: ``run.toml: [nms]``.

    Raises:
        ConfigError: A key is unknown or missing, or a value does not fit.

    >>> class Nms(Settings):
    ...     min_score: float = 0.3
    >>> check(Nms, {"min_scor": 1}, where="run.toml: [nms]")
    Traceback (most recent call last):
    ...
    sitepose.core.errors.ConfigError: run.toml: [nms] min_scor: unexpected key; did you mean 'min_score'?
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError("; ".join(_explain(kind, fault, where) for fault in error.errors())) from error


def _explain(kind: type[Settings], fault: Any, where: str) -> str:
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{where} {path}: unexpected key; {did_you_mean(path, _keys_beside(kind, fault['loc']))}"
    if fault["type"] == "missing":
        return f"{where} {path}: missing"
    reason = str(fault["msg"]).removeprefix("Value error, ")
    return f"{where} {path}: {reason[:1].lower()}{reason[1:]}, not {fault['input']!r}"


def _keys_beside(kind: type[Settings], location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the misspelt one stands among, following nested settings classes."""
    here: Any = kind
    for part in location[:-1]:
        annotation = here.model_fields[str(part)].annotation if str(part) in here.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        here = annotation
    return list(here.model_fields)
