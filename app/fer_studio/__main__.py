"""``python -m fer_studio``: the same as the command ``fer-studio``."""

import sys

from fer_studio.cli import main

if __name__ == "__main__":
    sys.exit(main())
