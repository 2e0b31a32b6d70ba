"""The fake daemon with other constants, so that a test need not wait for the real ones.

``SQUILL_TUNED`` is a JSON map from dotted names to values. They are set in the order given, before
anything else is imported.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

for name, value in json.loads(os.environ["SQUILL_TUNED"]).items():
    module, _, attribute = name.rpartition(".")
    vars(importlib.import_module(module))[attribute] = value

if __name__ == "__main__":
    from fake_daemon import make
    from squill_daemon.commands.daemon import main

    os.environ.setdefault("SQUILL_DAEMON_COMMAND", f"{sys.executable} {__file__}")
    sys.exit(main(sys.argv[1:], make))
