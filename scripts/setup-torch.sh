#!/usr/bin/env bash
# Add PyTorch and what the detectors on it need to a virtual environment made by setup.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
echo "installing PyTorch and its detectors into $venv"
"$venv/bin/python" -m pip install --quiet -r requirements/torch.txt
# A second OpenCV, with a Qt of its own, would overwrite the files of the headless one.
if "$venv/bin/python" -m pip show --quiet opencv-python 2>/dev/null; then
    echo "opencv-python came along; only opencv-python-headless may be there" >&2
    exit 1
fi
