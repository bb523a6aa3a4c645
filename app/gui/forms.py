"""Forms made from settings classes: one field for each setting, with its limits and its docstring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from sitepose.core.settings import Settings

FieldKind = Literal["switch", "whole", "number", "choice", "text"]

WIDEST = 1e6
"""Limit of a number that has none."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One setting as a form shows it.

    Attributes:
        name: Key of the setting.
        label: The same in words.
        kind: How it is entered.
        value: What it is now.
        help: Its docstring.
        choices: What there is to choose from.
        low: Smallest value of a number.
        high: Largest value of a number.
        optional: Whether it may be left out.
    """

    name: str
    label: str
    kind: FieldKind
    value: Any
    help: str = ""
    choices: tuple[Any, ...] = ()
    low: float = -WIDEST
    high: float = WIDEST
    optional: bool = False


def form_fields(settings: type[Settings], values: dict[str, Any] | None = None) -> list[FormField]:
    """Return the fields of a settings class, in its order; settings that no form can show are left out.

    Args:
        settings: The class.
        values: What differs from the defaults.

    >>> from typing import Literal
    >>> from pydantic import Field
    >>> class Nms(Settings):
    ...     min_score: float = Field(0.3, ge=0, le=1)
    ...     rule: Literal["box", "mean"] = "box"
    >>> [(f.label, f.kind, f.value, f.low, f.high) for f in form_fields(Nms, {"min_score": 0.5})][0]
    ('min score', 'number', 0.5, 0.0, 1.0)
    >>> form_fields(Nms)[1].choices
    ('box', 'mean')
    """
    return list(_fields(settings, values or {}))


def _fields(settings: type[Settings], values: dict[str, Any]) -> Iterator[FormField]:
    for name, info in settings.model_fields.items():
        plain, optional = _without_none(info.annotation)
        kind = _kind(plain)
        if kind is None or info.is_required():
            continue
        low, high = _limits(info, whole=kind == "whole")
        yield FormField(
            name=name,
            label=name.replace("_", " ").replace("nms", "NMS").replace("iou", "IoU"),
            kind=kind,
            value=values.get(name, info.get_default(call_default_factory=True)),
            help=" ".join((info.description or "").split()),
            choices=get_args(plain) if kind == "choice" else (),
            low=low,
            high=high,
            optional=optional,
        )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, UnionType):
        inner = [part for part in get_args(annotation) if part is not NoneType]
        return (inner[0] if len(inner) == 1 else annotation), len(inner) < len(get_args(annotation))
    return annotation, False


def _kind(annotation: Any) -> FieldKind | None:
    if get_origin(annotation) is Literal:
        return "choice"
    kinds: dict[Any, FieldKind] = {
        bool: "switch",
        int: "whole",
        float: "number",
        str: "text",
        Path: "text",
    }
    return kinds.get(annotation)


def _limits(info: FieldInfo, *, whole: bool) -> tuple[float, float]:
    """Return the smallest and the largest value; limits that are themselves excluded are moved by a step."""
    low, high = -WIDEST, WIDEST
    step = 1.0 if whole else 0.001
    for rule in info.metadata:
        if isinstance(rule, Ge):
            low = float(rule.ge)  # type: ignore[arg-type]
        elif isinstance(rule, Gt):
            low = float(rule.gt) + step  # type: ignore[arg-type]
        elif isinstance(rule, Le):
            high = float(rule.le)  # type: ignore[arg-type]
        elif isinstance(rule, Lt):
            high = float(rule.lt) - step  # type: ignore[arg-type]
    return low, high
