"""What the model thread asks of an engine, and the plain values that cross the thread boundary.

A job is a generator: one `Step` a token (or a chunk of prompt), so that a cancel acts between two
of them. Closing the generator is the cancel.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator

    from squill_daemon.requests import GenerateRequest, PrefillRequest

Phase = Literal["prefill", "decode"]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A loaded model. ``digest`` names its content; ``blas`` names what multiplies matrices.

    ``window`` is how many tokens it reads and writes together.
    """

    name: str
    digest: str
    device: str
    blas: str
    adapter: str | None = None
    window: int = 2**31


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job. ``text`` is what the model has written so far, as it will be shown."""

    phase: Phase
    text: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A valid query. ``logprob`` is the mean over its tokens, in nats."""

    sql: str
    tables: tuple[str, ...]
    logprob: float


@dataclass(frozen=True, slots=True)
class Milliseconds:
    queue: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """``cached`` of the ``prompt`` tokens came from the prefix cache.

    ``forced`` of the ``generated`` ones were the only ones that the grammar left.
    """

    prompt: int = 0
    cached: int = 0
    generated: int = 0
    forced: int = 0


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """A statement that was left out: ``source`` counts DDL texts from 0, ``line`` from 1."""

    source: int
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of `generate`. ``refused`` says why there are no candidates, else None.

    ``shown_tables`` names the tables that the model saw where the schema was too large for it.
    """

    candidates: tuple[Candidate, ...]
    refused: str | None
    dialect: str
    dialect_origin: str
    model: str
    adapter: str | None = None
    device: str = ""
    problems: tuple[SchemaProblem, ...] = ()
    shown_tables: tuple[str, ...] | None = None
    milliseconds: Milliseconds = field(default_factory=Milliseconds)
    tokens: Tokens = field(default_factory=Tokens)

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Prefilled:
    """The result of `prefill`: the prompt's length and how much of it was there already."""

    tokens: int
    cached: int

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)


class Engine(Protocol):
    """Every method runs on the model thread. ``arrival`` is a `time.monotonic` reading."""

    @property
    def model_name(self) -> str:
        """The model that is to be served, loaded or not. Safe on every thread."""

    def load(self) -> ModelInfo:
        """
        Raises:
            ModelError: with one sentence that a user can act on.
        """

    def generate(self, request: GenerateRequest, arrival: float) -> Generator[Step, None, Answer]:
        """
        Raises:
            SquillError: the request cannot be answered; the engine stays usable.
        """

    def prefill(self, request: PrefillRequest, arrival: float) -> Generator[Step, None, Prefilled]:
        """Read the part of the prompt that every question on this schema shares."""

    def close(self) -> None:
        """Release what belongs to the thread. Called once, at its end."""
