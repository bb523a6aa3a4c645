#!/usr/bin/env bash
# The demo: fetch the portable networks and OpenCV's vtest.avi, run them, say where to look.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
"$python" main.py models pull centernet movenet-thunder vtest.avi
video=$("$python" main.py models path vtest.avi)
"$python" main.py --video "$video" --output out/demo
echo
echo "look at out/demo/vtest/overlay.mp4"
