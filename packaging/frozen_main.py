"""Where the frozen program starts: the command ``fer-studio``, and its worker processes."""

import multiprocessing
import sys

if __name__ == "__main__":
    # A worker of --jobs is this same executable; here it learns that it is one, and does not come back.
    multiprocessing.freeze_support()
    from fer_studio.cli import main

    sys.exit(main())
