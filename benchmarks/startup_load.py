"""Loads the model as the daemon does, with a clock around each part; prints milliseconds as JSON.

Run by startup.py in a fresh process: ``startup_load.py STARTED MODEL``, the start as a
`time.monotonic` reading.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

phases: dict[str, float] = {}
parts: defaultdict[str, float] = defaultdict(float)


def timed(name: str, action: Callable[[], object]) -> None:
    began = time.monotonic()
    action()
    phases[name] = 1000 * (time.monotonic() - began)


def clock(owner: Any, name: str, part: str) -> None:
    """Count the time of each call of ``owner.name``, where there is such a function."""
    inner = getattr(owner, name, None)
    if inner is None:
        return

    def outer(*places: Any, **options: Any) -> Any:
        began = time.monotonic()
        try:
            return inner(*places, **options)
        finally:
            parts[part] += 1000 * (time.monotonic() - began)

    setattr(owner, name, outer)


def main() -> None:
    phases["interpreter"] = 1000 * (time.monotonic() - float(sys.argv[1]))
    timed("import of what serves the socket", lambda: import_module("squill_daemon.process"))
    timed("import of the answerer, with sqlglot", lambda: import_module("squill_daemon.answerer"))
    timed("BLAS found and loaded", lambda: import_module("squill.blas").load_blas())
    import_module("squill_daemon.deferred").defer_package("mlx_lm")
    timed(
        "import of the model's modules",
        lambda: import_module("squill_daemon.mlx_model"),
    )
    from squill.settings import Settings
    from squill_daemon import loading, mlx_model
    from squill_daemon.answerer import make_answerer

    clock(loading, "_tokenizer", "tokenizer")
    clock(mlx_model, "load", "weights")
    clock(mlx_model.MlxModel, "warm_up", "grammar and kernels warmed up")
    answerer = make_answerer(Settings(model=sys.argv[2]))
    timed("the rest of the load", answerer.load)
    parts["weights"] -= parts["tokenizer"]  # read within
    phases["the rest of the load"] -= sum(parts.values())
    answerer.close()
    print(json.dumps(phases | parts))


if __name__ == "__main__":
    main()
