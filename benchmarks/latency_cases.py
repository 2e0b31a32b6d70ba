"""The cases of the comparison but for the session. Each takes turns between the sides."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from figures import Most, Row, Times
from latency_daemon import Daemon
from latency_peer import settle
from latency_schemas import Design, draw_design, questions
from latency_session import SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from latency_peer import Answered, Peer
    from latency_prompts import Asked, Prompts

_WARM_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20)
"""Tables of schemas that a prompt takes whole; a larger one is cut to each question."""
_CLIENTS = (1, 4, 16)
_SHARED_SCHEMAS = 4
_STAGGER_SECONDS = 0.02
_MOMENTS = (0.1, 0.6)
"""Seconds into a long request; the server takes up new ones every half second of decoding."""


@dataclass(frozen=True)
class Effort:
    """How often each thing is measured."""

    queries: int = 36
    busy: int = 12
    vanished: int = 8
    cancels: int = 20
    cpu: int = 3
    asked_by_each: int = 6
    client_rounds: int = 2


QUICK = Effort(queries=8, busy=4, vanished=3, cancels=6, cpu=1, asked_by_each=3, client_rounds=1)


@dataclass
class Bench:
    """The sides, ours first, and where schemas and questions come from."""

    peers: Sequence[Peer]
    prompts: Prompts
    effort: Effort
    rng: Random = field(default_factory=lambda: Random(2))
    tokens: dict[str, Counter[str]] = field(default_factory=dict)
    lengths: Counter[bool] = field(default_factory=Counter)

    @property
    def daemon(self) -> Daemon:
        assert isinstance(self.peers[0], Daemon)
        return self.peers[0]

    def fresh(self, tables: int) -> Iterator[Asked]:
        """Endless questions on a schema that nobody has seen."""
        return self.about(draw_design(tables, self.rng))

    def about(self, design: Design) -> Iterator[Asked]:
        return (self.prompts.asked(design, q) for q in questions(design, self.rng))

    def turns(self, number: int) -> Sequence[Peer]:
        """The sides, another one first each time."""
        at = number % len(self.peers)
        return (*self.peers[at:], *self.peers[:at])

    def empty(self) -> dict[str, list[float]]:
        return {peer.name: [] for peer in self.peers}

    async def ask(self, peer: Peer, asked: Asked, *, stream: bool = False) -> Answered:
        answered = await peer.ask(asked, stream=stream)
        self.tokens.setdefault(peer.name, Counter()).update(
            answers=1,
            whole=answered.whole,
            prompt=answered.prompt,
            cached=answered.cached,
            written=answered.generated,
        )
        return answered


async def warm_up(bench: Bench) -> None:
    """Kernels compiled, memory taken, connections tried."""
    for tables in (1, 8, 20, 60, 3):
        asked = list(itertools.islice(bench.fresh(tables), 3))
        for peer in bench.peers:
            for one in asked:
                await peer.ask(one, stream=one is asked[-1])
        await bench.daemon.until_tuned()


async def warm_queries(bench: Bench) -> list[Row]:
    """A question on a schema that was asked about just before. The server's best: no stream."""
    full, first, written = bench.empty(), bench.empty(), bench.empty()
    for number in range(bench.effort.queries):
        before, asked, streamed = itertools.islice(
            bench.fresh(_WARM_SIZES[number % len(_WARM_SIZES)]), 3
        )
        lengths = set()
        for peer in bench.turns(number):
            await bench.ask(peer, before)
            answered = await bench.ask(peer, asked)
            full[peer.name].append(answered.full)
            written[peer.name].append(answered.generated)
            lengths.add(answered.prompt)
            first[peer.name].append((await bench.ask(peer, streamed, stream=True)).first)
        bench.lengths[len(lengths) == 1] += 1
    return [
        Row("warm query", "ms", full, Times(2.5)),
        Row("warm query, first text", "ms", first),
        Row("tokens written for it", "", written),
    ]


async def cold_queries(bench: Bench) -> list[Row]:
    full = bench.empty()
    for number in range(bench.effort.queries):
        asked = next(bench.fresh(bench.rng.choice(SIZES)))
        for peer in bench.turns(number):
            full[peer.name].append((await bench.ask(peer, asked)).full)
    return [Row("cold query", "ms", full, Times(1.2))]


async def beside_another(bench: Bench) -> list[Row]:
    """Somebody else's request has been decoding for a moment when ours comes."""
    first, full = bench.empty(), bench.empty()
    for number in range(bench.effort.busy):
        long, *ours = itertools.islice(bench.fresh(6), 3)
        delay = bench.rng.uniform(*_MOMENTS)
        for peer in bench.turns(number):
            await bench.ask(peer, ours[0])
            async with peer.busy(long):
                await asyncio.sleep(delay)
                answered = await bench.ask(peer, ours[1], stream=True)
            first[peer.name].append(answered.first)
            full[peer.name].append(answered.full)
            await settle(peer.process)
    return [
        Row("first text while another request decodes", "ms", first, Times(10)),
        Row("full query while another request decodes", "ms", full),
    ]


async def after_a_vanished_client(bench: Bench) -> list[Row]:
    first, full = bench.empty(), bench.empty()
    for number in range(bench.effort.vanished):
        long, *ours = itertools.islice(bench.fresh(6), 3)
        delay = bench.rng.uniform(*_MOMENTS)
        for peer in bench.turns(number):
            await bench.ask(peer, ours[0])
            await peer.vanish(long, delay)
            answered = await bench.ask(peer, ours[1], stream=True)
            first[peer.name].append(answered.first)
            full[peer.name].append(answered.full)
            await settle(peer.process)
    return [
        Row("first text after a client vanished", "ms", first, Times(30)),
        Row("full query after a client vanished", "ms", full),
    ]


async def after_a_cancel(bench: Bench) -> list[Row]:
    """Tokens for a cancelled request, which only we tell; CPU time for a dropped one, of all."""
    tokens: list[float] = []
    asked = bench.fresh(6)
    while len(tokens) < bench.effort.cancels:
        found = await bench.daemon.tokens_after_cancel(next(asked))
        tokens += [] if found is None else [float(found)]
    spent = bench.empty()
    for number in range(bench.effort.cpu):
        for peer in bench.turns(number):
            await peer.vanish(next(asked), min(_MOMENTS))
            spent[peer.name].append(1000 * await settle(peer.process))
    return [
        Row("tokens made after a cancel", "", {bench.daemon.name: tokens}, Most(1)),
        Row("CPU time spent after a client vanished", "ms", spent),
    ]


async def many_clients(bench: Bench) -> list[Row]:
    rows = []
    designs = [draw_design(tables, bench.rng) for tables in (2, 4, 8, 12)[:_SHARED_SCHEMAS]]
    sources = [bench.about(design) for design in designs]
    for count in _CLIENTS:
        times, rates = bench.empty(), bench.empty()
        for number in range(bench.effort.client_rounds):
            asked = [
                list(itertools.islice(sources[client % len(sources)], bench.effort.asked_by_each))
                for client in range(count)
            ]
            for peer in bench.turns(number):
                for source in asked[: len(sources)]:
                    await bench.ask(peer, source[0])
                found, seconds = await _closed_loop(bench, peer, asked)
                times[peer.name] += found
                rates[peer.name].append(len(found) / seconds)
        goal = Times(2, percent=95) if count == max(_CLIENTS) else None
        rows.append(Row(f"{count} client{'s' * (count > 1)}", "ms", times, goal))
        mean = {name: [sum(values) / len(values)] for name, values in rates.items()}
        rows.append(Row(f"{count} client{'s' * (count > 1)}, queries a second", "", mean))
    return rows


async def _closed_loop(
    bench: Bench, peer: Peer, asked: Sequence[Sequence[Asked]]
) -> tuple[list[float], float]:
    """Each client asks its next question as soon as it has its answer.

    They begin one after the other: the server queues five connections and has those behind them
    try again a second later.
    """

    async def client(number: int, mine: Sequence[Asked]) -> list[float]:
        await asyncio.sleep(number * _STAGGER_SECONDS)
        return [(await bench.ask(peer, one)).full for one in mine]

    began = time.perf_counter()
    found = await asyncio.gather(*(client(*each) for each in enumerate(asked)))
    return [each for times in found for each in times], time.perf_counter() - began


def totals(bench: Bench) -> list[Row]:
    """Memory at the end, and the tokens of the requests that both sides answered."""
    memory = {p.name: [p.process.memory_info().rss / 2**20] for p in bench.peers}
    counted: dict[str, Callable[[Counter[str]], int]] = {
        "prompt tokens, read": lambda c: c["prompt"] - c["cached"],
        "prompt tokens, from the cache": lambda c: c["cached"],
        "tokens written": lambda c: c["written"],
        "answers without a whole query": lambda c: c["answers"] - c["whole"],
    }
    rows = [Row("resident memory at the end", "MiB", memory)]
    for name, count in counted.items():
        rows.append(Row(name, "", {peer: [count(c)] for peer, c in bench.tokens.items()}))
    return rows
