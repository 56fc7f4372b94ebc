"""Run the jobs of a data folder: python -m ecg_core.worklist run --data FOLDER."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ecg_core.errors import ECGError
from ecg_core.worklist import Worklist
from ecg_core.worklist.runner import run

NICENESS = 5
"""Whoever reads an ECG in the app goes before a batch."""


def main(argv: Sequence[str] | None = None) -> int:
    """Score every job that waits, and return 0; 1 where that could not be done."""
    parser = argparse.ArgumentParser(prog="python -m ecg_core.worklist", description="Score the jobs of a data folder.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser("run", help="score every job that waits, then end")
    command.add_argument("--data", metavar="FOLDER", type=Path, help="data folder (default: LEADWISE_DATA)")
    command.add_argument("--root", metavar="FOLDER", type=Path, help="root of folder jobs (default: LEADWISE_ROOT)")
    command.add_argument("--workers", metavar="N", type=int, help="processes (default: one for each core)")
    args = parser.parse_args(argv)
    os.nice(NICENESS)
    try:
        with Worklist(args.data, root=args.root) as worklist:
            run(worklist, args.workers)
    except ECGError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
