#!/usr/bin/env bash
# Install GStreamer, for cameras with the least delay, and its Python side into a virtual environment.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

source scripts/apt.sh

# Without them PyAV and OpenCV read cameras, with more delay.
need_packages live.txt build.txt tests.txt

# PyGObject 3.52 and later want a newer GObject introspection than Debian 12 has.
"$venv/bin/python" -m pip install --quiet "PyGObject>=3.50,<3.52"
"$venv/bin/python" -c 'from sitepose.plugins.sources.live.gst_library import load_gstreamer as load
print(load().Gst.version_string(), "can be used from Python")'
