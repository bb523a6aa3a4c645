#!/usr/bin/env bash
# Make the virtual environment with the locked packages and this checkout in it.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
python=${PYTHON3:-python3}

source scripts/apt.sh

need "command -v $python" python3
need "$python -c 'import ensurepip, venv'" python3-venv
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Sitepose needs Python 3.11 or newer; $("$python" --version) is what $python is (set PYTHON3=...)" >&2
    exit 1
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "installing the locked packages into $venv (the first time takes some minutes)"
"$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r requirements/dev.lock
"$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .
