"""Nine questions for the embedded model, through a daemon of its own: what `make demo` runs."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from squill.client import DaemonClient, connect_or_start
from squill.errors import SquillError
from squill.paths import runtime_paths
from squill_daemon.instance import wait_until_ended

EXAMPLES = Path(__file__).parent

QUESTIONS = {
    "students.sql": (
        "What is Wang Junjian's name?",
        "How old is Wang Junjian?",
        "Which school did Wang Junjian come from?",
        "Query Wang Junjian's name, age, and school information.",
        "Query all information about Wang Junjian.",
        "Query information such as name, age, school, grade, etc. The condition is that the name "
        "is equal to Wang Junjian and the age is less than 20 years old.",
        "Count how many students there are in ninth grade.",
        "Count how many students there are in ninth grade. (The value for ninth grade is 9th.)",
    ),
    "shop.sql": ("Top five customers by total amount of their orders",),
}


async def ask(daemon: DaemonClient, schema: str, question: str) -> bool:
    """Prints one answer with its time; False where the model has none."""
    answer: dict[str, Any] = await daemon.call("generate", {"schema": schema, "question": question})
    found = answer["candidates"]
    print(f"-- {question}")
    print(f"{found[0]['sql']};" if found else f"-- no answer: {answer['refused']}")
    print(f"-- {answer['milliseconds']['total']:.0f} ms\n")
    return bool(found)


async def answer_all() -> int:
    daemon = await connect_or_start(options=["--model", os.environ.get("SQUILL_MODEL", "")])
    answered = []
    async with daemon:
        try:
            for file, questions in QUESTIONS.items():
                schema = (EXAMPLES / file).read_text(encoding="utf-8")
                print(f"-- {'=' * 20} {file}\n")
                answered += [await ask(daemon, schema, question) for question in questions]
            status = await daemon.call("status")
        finally:
            await daemon.call("shutdown")
    print(
        f"{sum(answered)} of {len(answered)} questions have a valid query: it parses, and its "
        "names are in the tables.\nWhether it is also the right one is yours to judge, above."
    )
    print(f"model   {status['model']}")
    print(f"adapter {status['adapter'] or 'none'}")
    print(f"device  {status['device']}, {status['blas']}")
    return 0 if all(answered) else 1


def main() -> int:
    """Runs beside the user's own daemon, in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="squill-demo-") as folder:
        for name in ("RUNTIME", "STATE", "CACHE"):
            os.environ[f"SQUILL_{name}_DIR"] = folder
        try:
            return asyncio.run(answer_all())
        except SquillError as error:
            print(f"squill: {error}", file=sys.stderr)
            return 3
        finally:
            wait_until_ended(runtime_paths())  # until then it writes into the folder


if __name__ == "__main__":
    sys.exit(main())
