"""``python -m squill_daemon``: the `squill daemon` command without the dispatcher."""

import sys

from squill_daemon.commands.daemon import main

sys.exit(main(sys.argv[1:]))
