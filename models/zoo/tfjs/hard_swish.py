"""``share * x * relu6(x + 3)``, four passes over an image, as one HardSwish that both runtimes know."""

from __future__ import annotations

from dataclasses import replace

from sitepose.models.zoo.tfjs.builder import Builder, Tensor

SHARE = 1 / 6
"""A HardSwish is this share of ``x * relu6(x + 3)``; float16 weights miss it by a little."""

GATE = (3.0, 0.0, 6.0)
"""What is added to x, and the limits of the sum."""


def hard_swish(builder: Builder, factors: list[Tensor]) -> Tensor | None:
    """Return the product of two factors as a HardSwish, if it is one."""
    for scaled, gate in (factors, factors[::-1]):
        share = _with_constant(builder, scaled, "Mul")
        clipped = builder.operands(gate, "Clip")
        shifted = _with_constant(builder, clipped[0], "Add") if clipped else None
        if share is None or shifted is None or share[0].name != shifted[0].name:
            continue
        limits = [float(limit.value.item()) for limit in clipped[1:] if limit.value is not None]
        if (shifted[1], *limits) == GATE:
            return replace(builder.emit("HardSwish", share[0]), factor=share[1] / SHARE)
    return None


def _with_constant(builder: Builder, tensor: Tensor, operation: str) -> tuple[Tensor, float] | None:
    """Return what an operation on a computed tensor and a constant number made this tensor of."""
    operands = builder.operands(tensor, operation)
    for computed, constant in (operands, operands[::-1]) if len(operands) == 2 else ():
        if computed.value is None and constant.value is not None and constant.value.size == 1:
            return computed, float(constant.value.item())
    return None
