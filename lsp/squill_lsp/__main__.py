"""`python -m squill_lsp`."""

import sys

from squill_lsp.command import main

sys.exit(main(sys.argv[1:]))
