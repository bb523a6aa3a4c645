"""Whether the window can be shown here, and if not, which library or display is lacking."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from sitepose.app.doctor.findings import Finding, Verdict, apt, pip

QT_S = 30.0
"""Time for a window system to answer."""

TOPIC = "Window"
BINDING = pip("gui")

BINDINGS = ("PyQt5", "PyQt6", "PySide6", "PySide2")

PACKAGE_OF_LIBRARY = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}
"""Debian's package of each library that Qt's own packages leave to the system."""

FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")

_TRY_QT = """
import sys
from importlib import import_module
try:
    qtpy, widgets = import_module("qtpy"), import_module("qtpy.QtWidgets")
except Exception:
    for name in sys.argv[1:]:  # what qtpy does not say: which library is lacking
        import_module(f"{name}.QtWidgets")
    raise
app = widgets.QApplication(sys.argv[:1])
print(qtpy.API_NAME, qtpy.QT_VERSION, "on", app.platformName())
"""
_UNLOADABLE = re.compile(r"(?:.*/)?(lib[\w.+-]+?\.so[.\d]*): (?:cannot open|file too short|invalid ELF)")
_PLUGIN = re.compile(r"Cannot load library (\S+platforms/\S+\.so)")
_NO_DISPLAY = re.compile(r"could not connect to display ?(\S*)|[Ff]ailed to create wl_display")
_NO_PLATFORM = re.compile(r'Could not find the Qt platform plugin "(\S+?)"')


def window() -> Iterator[Finding]:
    """Yield whether Qt can be loaded, and whether it has a display."""
    if find_spec("qtpy") is None:
        yield Finding(TOPIC, "Qt", "missing", "no qtpy", BINDING)
        return
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or ""
    chosen = os.environ.get("QT_QPA_PLATFORM")
    hidden = {} if display or chosen else {"QT_QPA_PLATFORM": "offscreen"}
    # A platform that does not load ends the process: it is tried in another one.
    answer = subprocess.run(
        [sys.executable, "-c", _TRY_QT, *filter(find_spec, BINDINGS)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=QT_S,
        check=False,
        env={**os.environ, "QT_DEBUG_PLUGINS": "1", **hidden},
    )
    if answer.returncode == 0:
        where = f" {display}" if display else ""
        yield Finding(TOPIC, "Qt", "good", answer.stdout.strip().splitlines()[-1] + where)
        if hidden and (lacking := missing_libraries(_files_of_binding())):
            yield _lacks("screen", "missing", lacking)  # what was tried is not what a screen needs
    else:
        yield explained(answer.stderr, os.environ)
    if hidden:
        yield Finding(TOPIC, "display", "none", "no DISPLAY: the window cannot be shown, --headless works")
    if sys.platform == "linux" and not has_fonts():
        yield Finding(
            TOPIC, "fonts", "missing", "there are none: text would be boxes", apt(["fonts-dejavu-core"])
        )


def has_fonts(folders: Sequence[str] = FONTS) -> bool:
    """Return whether there is any letter to write with."""
    return any(
        name.lower().endswith((".ttf", ".otf", ".ttc", ".pfb"))
        for folder in folders
        for _, _, files in os.walk(Path(folder).expanduser())
        for name in files
    )


def explained(said: str, environment: Mapping[str, str]) -> Finding:
    """Return what Qt's last words mean, and what to do.

    Args:
        said: What a process that could not begin has written.
        environment: Its variables.
    """
    if platform := _NO_PLATFORM.search(said):
        detail = f"QT_QPA_PLATFORM={environment.get('QT_QPA_PLATFORM', platform[1])}: there is no such platform"
        return Finding(TOPIC, "Qt", "bad", detail, "unset QT_QPA_PLATFORM")
    if lacking := _lacking(said):
        return _lacks("Qt", "bad", lacking)
    if "QtBindingsNotFound" in said or "No module named" in said:
        return Finding(TOPIC, "Qt", "missing", "qtpy finds no Qt binding", BINDING)
    if display := _NO_DISPLAY.search(said):
        detail = f"no answer from display {display[1] or environment.get('WAYLAND_DISPLAY', '')}".rstrip()
        return Finding(TOPIC, "Qt", "bad", detail, "set DISPLAY to one that is there; --headless needs none")
    lines = said.strip().splitlines() or ["Qt ends without a word"]
    return Finding(TOPIC, "Qt", "bad", lines[-1], apt(PACKAGE_OF_LIBRARY.values()))


def _lacks(name: str, verdict: Verdict, libraries: Sequence[str]) -> Finding:
    """Return that libraries are not there, and what has them."""
    known = [PACKAGE_OF_LIBRARY[library] for library in libraries if library in PACKAGE_OF_LIBRARY]
    others = [library for library in libraries if library not in PACKAGE_OF_LIBRARY]
    remedies = [apt(known)] if known else []
    if others:
        remedies.append(f"install whatever has {', '.join(others)}")
    return Finding(TOPIC, name, verdict, f"no {', '.join(libraries)}", "; ".join(remedies))


def _lacking(said: str) -> list[str]:
    """Return the libraries that are not there: the loader names the first, ``ldd`` all of them."""
    found = set(_UNLOADABLE.findall(said))
    if found:
        plugin = _PLUGIN.search(said)
        found |= set(missing_libraries([Path(plugin[1])] if plugin else _files_of_binding()))
    return sorted(found)


def missing_libraries(files: Iterable[Path]) -> list[str]:
    """Return the libraries that files want and that are not there; none where nobody can tell."""
    if shutil.which("ldd") is None:
        return []
    listed = (
        subprocess.run(["ldd", file], capture_output=True, text=True, check=False).stdout.splitlines()
        for file in files
    )
    return sorted({line.split()[0] for lines in listed for line in lines if "not found" in line})


def _files_of_binding() -> Iterator[Path]:
    """Yield the files that bring what a window needs, of each binding that is installed."""
    for name in BINDINGS:
        spec = find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield from Path(folder).glob("QtWidgets*.so")
            yield from Path(folder).glob("Qt*/plugins/platforms/libqxcb.so")
