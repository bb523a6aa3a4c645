"""Facts of this machine that decide what ``auto`` means. No stopwatch: equal machines choose alike."""

from __future__ import annotations

from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
"""Where Linux tells what the processor can do."""

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Processor flags that stand for arithmetic in bfloat16 by the hardware itself."""


@cache
def cpu_flags() -> frozenset[str]:
    """Return the features that the operating system reports for the first processor; empty where unknown."""
    if not CPU_INFO.is_file():
        return frozenset()
    for line in CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return frozenset(value.split())
    return frozenset()


def has_native_bf16() -> bool:
    """Return whether bfloat16 is faster than float32 here by construction."""
    return bool(BF16_FLAGS & cpu_flags())
