"""``python -m squill``."""

import sys

from squill.cli import main

sys.exit(main())
