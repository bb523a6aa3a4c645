#!/usr/bin/env bash
# Install GStreamer, for cameras with the least delay, and its Python side into a virtual environment.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

packages=(
    gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0 gir1.2-gst-rtsp-server-1.0
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-tools gstreamer1.0-rtsp gstreamer1.0-x
    libgirepository1.0-dev libcairo2-dev pkg-config gcc v4l-utils
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
        echo "GStreamer is not complete; run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        echo "(without it PyAV and OpenCV read cameras, with more delay)" >&2
        exit 1
    fi
fi

# PyGObject 3.52 and later want a newer GObject introspection than Debian 12 has.
"$venv/bin/python" -m pip install --quiet "PyGObject>=3.50,<3.52"
"$venv/bin/python" -c 'from sitepose.plugins.sources.live.gst_library import load_gstreamer as load
print(load().Gst.version_string(), "can be used from Python")'
