"""Squill beside mlx_lm.server: the same model, the same prompts, the same machine, in one run.

``python benchmarks/latency.py [--quick] [--server-blas]`` starts ``python -m mlx_lm.server`` on a
free port of the loopback and a daemon in folders of its own, and measures both in turns.

Prompts: the daemon is sent schema and question and makes its own prompt; the server is sent that
prompt ready made, at temperature 0 with the daemon's ``max_tokens``. So only Squill's times hold
the rendering, the grammar, the spelling of the SQL and the check that it binds; what the server
writes counts as a query as it is. The model's end token ends both. The lengths of the prompts are
compared, so that it shows if they were not the same.

``--server-blas`` adds a second server with what Squill itself gives MLX on a Linux CPU: the fast
BLAS, and weights in float32 (``latency_tuned_server.py``). Ratios and goals are given against each.

*A long request* that decodes while something else is asked: for the server ``max_tokens`` 512 with
the end token forbidden (``logit_bias``); for the daemon, whose grammar ends every query, 16
candidates, asked for again as soon as they are there. *A client vanished*: it drops its connection
0.1 to 0.6 s into a long request, which for the server does not stream: it would notice a broken
stream, but not this. *First text*: the first streamed words, or Squill's first partial result.

*The session* (``latency_session.py``) goes through ``squill lsp`` on Squill's side, for that is
where a comment is read, tables are warmed up while it is typed, and a shown query that the user
types goes on being shown. The server is asked at every pause, streams, and is dropped at the next
key. A wait runs from the last key (the pause that made the editor ask is the same for both) to
the whole query. ``squill lsp`` is asked as by an editor that has waited for the pause itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import latency_adapters
import latency_cases
from figures import Row, Times, comparison, described, machine, markdown, replace_section, save_json
from latency_cases import QUICK, Bench, Effort
from latency_daemon import start_daemon, use_own_folders
from latency_editor import Editor
from latency_peer import cpu_seconds, settle
from latency_play import play_all
from latency_prompts import Prompts
from latency_server import Server, ServerWriter, start_server
from latency_session import QUICK_SIZES, SIZES, describe, record_session
from squill.paths import EMBEDDED_MODEL

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from latency_peer import Peer, Writer
    from latency_play import Wait

NEW_KINDS = ("fresh", "edited", "revisited")
CASES = ("warm", "cold", "busy", "vanished", "cancel", "clients", "adapters", "session")


def main() -> int:
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended as well
    with tempfile.TemporaryDirectory(prefix="squill-latency-") as folder:
        use_own_folders(Path(folder))
        report = asyncio.run(_run(options, Path(folder)))
    if options.markdown:
        replace_section(options.markdown, "latency", report["markdown"])
    if options.json:
        save_json(options.json, report)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=EMBEDDED_MODEL, help="a model's folder")
    parser.add_argument("--server-blas", action="store_true", help="beside a tuned server as well")
    parser.add_argument("--quick", action="store_true", help="few rounds: minutes, and more noise")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES, metavar="CASE")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    parser.add_argument("--markdown", type=Path, help="put the table into this file's section")
    return parser


async def _run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    began = time.monotonic()
    prompts = Prompts(options.model)
    async with contextlib.AsyncExitStack() as stack:
        daemon = await start_daemon(options.model, folder)
        stack.push_async_callback(daemon.close)
        peers: list[Peer] = [daemon]
        for tuned in (False, True) if options.server_blas else (False,):
            ends = prompts.end_tokens
            server = await start_server(options.model, folder, ends, tuned=tuned)
            stack.push_async_callback(server.close)
            peers.append(server)
        bench = Bench(peers, prompts, QUICK if options.quick else Effort())
        await latency_cases.warm_up(bench)
        rows = await _measure(bench, options)
        status = await daemon.status()
    facts = machine() | {
        "model": f"{options.model.name}, {status['digest'][:12]}; device {status['device']}, "
        f"BLAS {status['blas']}",
        "session": describe(_session(options.quick)),
        "run": f"{'quick, ' if options.quick else ''}{time.monotonic() - began:.0f} s; "
        f"prompts of equal length on all sides: {bench.lengths[True]} of {bench.lengths.total()}",
    }
    table = markdown(comparison(rows, [peer.name for peer in peers]))
    text = f"{described(facts)}\np50 / p95, or one figure.\n\n{table}"
    print(text)
    return {"facts": facts, "rows": [_as_json(row, peers) for row in rows], "markdown": text}


def _as_json(row: Row, peers: Sequence[Peer]) -> dict[str, Any]:
    others = [peer.name for peer in peers[1:]]
    return asdict(row) | {"goal": str(row.goal or ""), "met": row.verdicts(others)}


async def _measure(bench: Bench, options: argparse.Namespace) -> list[Row]:
    cases = {
        "warm": latency_cases.warm_queries,
        "cold": latency_cases.cold_queries,
        "busy": latency_cases.beside_another,
        "vanished": latency_cases.after_a_vanished_client,
        "cancel": latency_cases.after_a_cancel,
        "clients": latency_cases.many_clients,
        "adapters": latency_adapters.switches,
    }
    rows: list[Row] = []
    for name, case in cases.items():
        if name in options.cases:
            _say(name)
            rows += await case(bench)
    if "session" in options.cases:
        _say("session")
        rows += await _play_session(bench, quick=options.quick)
    return rows + latency_cases.totals(bench)


def _session(quick: bool) -> Any:
    return record_session(sizes=QUICK_SIZES if quick else SIZES)


async def _play_session(bench: Bench, *, quick: bool) -> list[Row]:
    editor = await Editor.start()
    try:
        writers: list[Writer] = [editor]
        writers += [ServerWriter(p, bench.prompts) for p in bench.peers if isinstance(p, Server)]
        rehearsal = record_session(seed=0, sizes=(2,))
        await play_all(rehearsal, writers)
        before = await _cpu(bench, editor)
        waits = await play_all(_session(quick), writers)
        after = await _cpu(bench, editor)
        spent = {name: [after[name] - before[name]] for name in after}
        lsp = editor.process.memory_info().rss / 2**20
    finally:
        await editor.close()
    return [
        *_session_rows(waits),
        Row("CPU time of the session", "s", spent),
        Row("resident memory of squill lsp", "MiB", {editor.name: [lsp]}),
    ]


async def _cpu(bench: Bench, editor: Editor) -> dict[str, float]:
    """CPU seconds so far, with the language server's on our side."""
    for peer in bench.peers:
        await settle(peer.process)
    found = {peer.name: cpu_seconds(peer.process) for peer in bench.peers}
    found[editor.name] += cpu_seconds(editor.process)
    return found


def _session_rows(waits: dict[str, list[Wait]]) -> list[Row]:
    kinds = Counter(wait.kind for wait in next(iter(waits.values())))
    groups: dict[str, Collection[str]] = {
        "all": kinds,
        "that no earlier answer serves": NEW_KINDS,
        **{kind: (kind,) for kind in kinds},
    }
    rows = []
    for name, group in groups.items():
        times = {
            who: [w.milliseconds for w in found if w.kind in group] for who, found in waits.items()
        }
        count = sum(kinds[kind] for kind in kinds if kind in group)
        goal = Times(5) if group is kinds else None
        rows.append(Row(f"session: waits, {name} ({count})", "ms", times, goal))
    missing = {who: [float(sum(not w.shown for w in found))] for who, found in waits.items()}
    return [*rows, Row("session: waits that ended with nothing shown", "", missing)]


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
