"""``%load_ext squill_ipython``: questions in a notebook, answered by queries in the next cell."""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    from squill_ipython.magics import SquillMagics
    from squill_ipython.question_marks import as_calls

    magics = SquillMagics(shell)
    shell.register_magics(magics)
    shell.events.register("post_run_cell", magics.cell_ran)
    shell.input_transformers_cleanup.append(as_calls)


def unload_ipython_extension(shell: Any) -> None:
    from squill_ipython.magics import SquillMagics
    from squill_ipython.question_marks import as_calls

    magics = shell.magics_manager.registry.pop(SquillMagics.__name__)
    shell.events.unregister("post_run_cell", magics.cell_ran)
    shell.input_transformers_cleanup.remove(as_calls)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("ask")
