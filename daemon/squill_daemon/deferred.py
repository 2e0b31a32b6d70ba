"""Packages whose own ``__init__`` runs when it is needed, not when one of their modules is.

``import mlx_lm.models.cache`` alone would import all of mlx-lm, and with it transformers and the
hub's client: more than a second, of which the embedded model needs nothing.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from typing import Any


def defer_package(name: str) -> None:
    """Let modules of the package ``name`` be imported without it.

    The package itself is imported when a name is first looked up in it. Does nothing where that
    has happened, or where there is no such package.
    """
    if name in sys.modules or (spec := find_spec(name)) is None or spec.loader is None:
        return
    loader, package = spec.loader, module_from_spec(spec)

    def look_up(attribute: str) -> Any:
        if attribute.startswith("__") and attribute not in ("__all__", "__version__"):
            raise AttributeError(attribute)  # Python's own curiosity
        del package.__dict__["__getattr__"]
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = look_up
    sys.modules[name] = package
