"""``make bench``: the figures of the offline run, one table after the other, as Markdown."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEER = HERE.parent / ".venv-rtmlib" / "bin" / "python"

BENCHMARKS = (
    ("The offline run and rtmlib", "offline.py"),
    ("The offline run and its networks alone", "overhead.py"),
    ("A start", "startup.py"),
    ("Processor time by thread", "profile_threads.py"),
    ("With overlay and without, 1080p", "overlay_run.py"),
    ("Drawing and encoding a frame", "overlay.py"),
)


def main() -> int:
    """Run each in a process of its own; the number of those that failed is the exit status."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not PEER.exists():
        subprocess.run([HERE / "peers" / "setup_rtmlib.sh"], check=True)
    failed = 0
    for title, script in BENCHMARKS:
        print(f"\n## {title}\n", flush=True)
        failed += subprocess.run([sys.executable, HERE / script], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
