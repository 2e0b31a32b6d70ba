"""All tests: folders are trusted, as in CI, and nothing is kept in the user's own data folder."""

from __future__ import annotations

import atexit
import os
import tempfile

_data = tempfile.TemporaryDirectory(prefix="squill-tests-")
atexit.register(_data.cleanup)
os.environ |= {"SQUILL_TRUST": "1", "SQUILL_DATA_DIR": _data.name}
