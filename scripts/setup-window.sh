#!/usr/bin/env bash
# Install what Qt's window needs on a bare Debian 12, and a screen without a monitor for its tests.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

source scripts/apt.sh

need_packages window.txt tests.txt
# Both bindings: the tests open the window with each. QT_API=pyqt6 chooses the other one.
"$venv/bin/python" -m pip install --quiet "PyQt5>=5.15.11" "PyQt6>=6.6,<6.12" "qtpy>=2.4"
echo "the window can be opened: python main.py"
