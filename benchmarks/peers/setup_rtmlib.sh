#!/usr/bin/env bash
# Make the environment of the peer: rtmlib asks for opencv-python, which must not meet the headless one.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=${1:-.venv-rtmlib}
[ -x "$venv/bin/python" ] || "${PYTHON3:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --no-deps rtmlib==0.0.16
# The same libraries as ours, in the same versions where those are pinned.
locked() { grep -m1 -Eo "^$1==[^ ;]+" requirements/dev.lock; }
"$venv/bin/python" -m pip install --quiet tqdm \
    "$(locked numpy)" "$(locked onnx)" "$(locked onnxruntime)" "$(locked opencv-python-headless)" "$(locked openvino)"
