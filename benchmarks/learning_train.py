"""`squill train` at the priority of whoever calls it.

It gives way to everything else by itself, and on a machine that others keep busy would never end.
"""

from __future__ import annotations

import sys

from squill_trainer.commands import train
from squill_trainer.learning import pacing


def main() -> int:
    pacing.lower_priority = lambda **_: None
    return train.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
