"""Start Sitepose from a checkout: ``python main.py --video walk.mp4``."""

from __future__ import annotations

import sys

try:
    from sitepose.app.cli import main
except ModuleNotFoundError as error:
    sys.exit(
        f"{error}; run `make demo` once, or `pip install -e .`, and use the Python that it was installed for"
    )

if __name__ == "__main__":
    sys.exit(main())
