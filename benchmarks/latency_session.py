"""A recorded editing session: which keys are typed when, on which schemas. Pure, from a seed.

Nobody's keystrokes: drawn once by a generator, the same at every run. A *pause* is where an editor
asks for a suggestion: the same place for everyone that the session is played against.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Literal

from latency_schemas import Design, draw_design, draw_edit, questions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZES = (
    *(1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6),
    *(7, 8, 8, 10, 10, 12, 12, 15, 18, 20, 25, 30, 40, 50, 60),
)
"""Tables of each schema of a whole session."""

QUICK_SIZES = (1, 3, 6, 12, 30, 60)

Kind = Literal["fresh", "repeated", "edited", "revisited"]

_SHARE_EDITED = 0.5
_SHARE_REPEATED = 0.35
_SHARE_REVISITED = 0.3
_SHARE_TYPED_ON = 0.3
_SHARE_ABANDONED = 0.2
_SHARE_PAUSED_AT_END = 0.3
_KEY_SECONDS = (0.03, 0.08)
_PAUSE_SECONDS = (0.2, 0.6)


@dataclass(frozen=True)
class Pause:
    """After ``typed`` characters of the question the editor asks; then nothing for ``seconds``."""

    typed: int
    seconds: float


@dataclass(frozen=True)
class Episode:
    """One comment, from its first key to the query that answers it.

    ``gaps`` are seconds after each character. ``typed_on``: how much of the shown query is typed
    by hand at each further pause, as shares of its length. ``abandoned``: seconds after which the
    last request is given up, else None.
    """

    schema: int
    design: Design
    kind: Kind
    question: str
    gaps: tuple[float, ...]
    pauses: tuple[Pause, ...]
    typed_on: tuple[float, ...] = ()
    abandoned: float | None = None

    @property
    def asked_already(self) -> bool:
        """Whether the editor has asked about the whole question before its line is ended."""
        return any(pause.typed == len(self.question) for pause in self.pauses)


def record_session(seed: int = 1, sizes: Sequence[int] = SIZES) -> tuple[Episode, ...]:
    """The whole session. Schemas come one after the other, with returns to earlier ones."""
    rng = Random(seed)
    episodes: list[Episode] = []
    for number, size in enumerate(rng.sample(sizes, len(sizes))):
        episodes += _at_one_schema(number, draw_design(size, rng), rng)
        if rng.random() < _SHARE_REVISITED:
            earlier = rng.choice(episodes)
            asked = _new_question(earlier.design, [e.question for e in episodes], rng)
            episodes.append(_episode(earlier.schema, earlier.design, "revisited", asked, rng))
    return tuple(episodes)


def _at_one_schema(number: int, design: Design, rng: Random) -> Iterator[Episode]:
    asked = questions(design, rng)
    first = next(asked)
    if rng.random() < _SHARE_ABANDONED:
        given_up = rng.uniform(0.03, 0.15)
        yield _episode(number, design, "fresh", next(asked), rng, abandoned=given_up)
    yield _episode(number, design, "fresh", first, rng)
    if rng.random() < _SHARE_REPEATED:
        yield _episode(number, design, "repeated", first, rng)
    if rng.random() < _SHARE_EDITED:
        edited = draw_edit(design, rng)
        yield _episode(number, edited, "edited", _new_question(edited, [first], rng), rng)


def _new_question(design: Design, known: Sequence[str], rng: Random) -> str:
    return next(q for q in questions(design, rng) if q not in known)


def _episode(
    schema: int,
    design: Design,
    kind: Kind,
    question: str,
    rng: Random,
    *,
    abandoned: float | None = None,
) -> Episode:
    gaps = tuple(round(rng.uniform(*_KEY_SECONDS), 3) for _ in question)
    typed_on: tuple[float, ...] = ()
    if abandoned is None and rng.random() < _SHARE_TYPED_ON:
        typed_on = (0.2, 0.6) if rng.random() < 0.5 else (0.4,)
    pauses = tuple(_pauses(question, rng))
    return Episode(schema, design, kind, question, gaps, pauses, typed_on, abandoned)


def _pauses(question: str, rng: Random) -> Iterator[Pause]:
    """One or two, each at the end of a word, with two words at least before it; at times another
    one when the question is whole, before the line is ended."""
    words = list(itertools.accumulate(len(word) + 1 for word in question.split(" ")))
    places = [end - 1 for end in words[1:-1]]
    for place in sorted(rng.sample(places, min(rng.randint(1, 2), len(places)))):
        yield Pause(place, round(rng.uniform(*_PAUSE_SECONDS), 3))
    if rng.random() < _SHARE_PAUSED_AT_END:
        yield Pause(len(question), round(rng.uniform(*_PAUSE_SECONDS), 3))


def describe(episodes: Sequence[Episode]) -> str:
    """The session in one sentence."""
    kinds = [episode.kind for episode in episodes]
    sizes = [len(episode.design.tables) for episode in episodes]
    return (
        f"{len({e.schema for e in episodes})} schemas of {min(sizes)} to {max(sizes)} tables, "
        f"{len(episodes)} comments typed key by key "
        f"({', '.join(f'{kinds.count(kind)} {kind}' for kind in dict.fromkeys(kinds))}), "
        f"{sum(len(e.pauses) for e in episodes)} pauses within them "
        f"({sum(e.asked_already for e in episodes)} before the line is ended), "
        f"{sum(len(e.typed_on) for e in episodes)} while the shown query is typed, "
        f"{sum(e.abandoned is not None for e in episodes)} given up"
    )
