"""``python -m tuner``, which is what ``ray job submit`` runs."""

import sys

from tuner.cli import main

if __name__ == "__main__":
    sys.exit(main())
