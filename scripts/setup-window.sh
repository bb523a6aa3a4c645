#!/usr/bin/env bash
# Install what Qt's window needs on a bare Debian 12, and a screen without a monitor for its tests.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

packages=(
    libgl1 libegl1 libglib2.0-0 libfontconfig1 libdbus-1-3 libxkbcommon0 fonts-dejavu-core
    libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0
    libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libxcb-xfixes0 libxkbcommon-x11-0
    xvfb xauth x11-utils
)

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "installing ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "the window needs more; run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
fi
"$venv/bin/python" -m pip install --quiet "PyQt5>=5.15.11" "qtpy>=2.4"
echo "the window can be opened: python main.py"
