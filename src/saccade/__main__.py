"""`python -m saccade`, and `accelerate launch -m saccade train ...`."""

import sys

from saccade.cli import main

if __name__ == "__main__":
    sys.exit(main())
