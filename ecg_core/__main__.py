"""Run the command line: python -m ecg_core."""

import sys

from ecg_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
