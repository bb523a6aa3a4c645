#!/usr/bin/env bash
# Write requirements/*.lock anew: every package that pyproject.toml asks for, with its version and hashes.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
"$python" -m pip install --quiet uv
compile() {
    "$python" -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --no-annotate --override requirements/overrides.txt "$@"
}
compile pyproject.toml --extra validation --extra tracking --extra trackers -o requirements/core.lock
compile pyproject.toml --extra validation --extra tracking --extra trackers --group dev -c requirements/core.lock -o requirements/dev.lock
compile pyproject.toml --extra validation --extra tracking --extra trackers --extra gui --extra gstreamer -c requirements/core.lock -o requirements/bundle.lock
