"""What the model thread asks of an engine, and the plain values that cross the thread boundary.

A job is a generator of `Step`. Each names the rows whose tokens the model has to read before the
job can go on: the model thread gathers those of all jobs and has them read in one go. A cancel
acts between two steps; closing the generator is the cancel.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from squill_daemon.requests import AdapterRequest, GenerateRequest, PrefillRequest, Request

T = TypeVar("T")

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
    window: int = 2**31


class Row(Protocol):
    """One text that the model reads; what else is in it is the model's own."""

    @property
    def pending(self) -> Sequence[int]:
        """The tokens still to be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job, which goes on once the model has read of ``rows`` or ``others``.

    ``others`` are those that nobody waits for first: alternatives to the answer that is being
    written. They are read while no other job has ``rows``. ``text`` gives what the model has
    written so far, as it will be shown; it is called only where somebody listens. ``tokens``
    counts those that this step brought.
    """

    phase: Phase
    text: Callable[[], str] | None = None
    rows: tuple[Row, ...] = ()
    others: tuple[Row, ...] = ()
    tokens: int = 0


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
    ``adapter_problem`` says why the workspace's active adapter didn't answer, else None.
    """

    candidates: tuple[Candidate, ...]
    refused: str | None
    dialect: str
    dialect_origin: str
    model: str
    adapter: str | None = None
    adapter_problem: str | None = None
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


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of loading an adapter."""

    digest: str
    bytes: int

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)


Outcome = Answer | Prefilled | Loaded


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What the engine holds, for `status`. ``adapter_problem``: why the active one is not used."""

    cache_entries: int = 0
    cache_bytes: int = 0
    cache_budget_bytes: int = 0
    adapters_loaded: tuple[str, ...] = ()
    adapter_problem: str = ""


class Engine(Protocol):
    """Methods run on the model thread where they do not say otherwise.

    ``arrival`` is a `time.monotonic` reading.
    """

    @property
    def model_name(self) -> str:
        """The model that is to be served, loaded or not. Safe on every thread."""

    def load(self) -> ModelInfo:
        """
        Raises:
            ModelError: with one sentence that a user can act on.
        """

    def prepare(self, request: Request) -> Request:
        """What can be done without the model, such as reading DDL. Safe on every thread.

        Raises:
            SquillError: the request cannot be answered.
        """

    def generate(self, request: GenerateRequest, arrival: float) -> Generator[Step, None, Answer]:
        """
        Raises:
            SquillError: the request cannot be answered; the engine stays usable.
        """

    def prefill(self, request: PrefillRequest, arrival: float) -> Generator[Step, None, Prefilled]:
        """Read the part of the prompt that every question on this schema shares."""

    def load_adapter(self, request: AdapterRequest) -> Generator[Step, None, Loaded]:
        """Make an adapter ready, so that a later request with it need not wait.

        Raises:
            AdapterError: it is not there, damaged, or made for another model.
        """

    def launch(self, rows: Sequence[Row]) -> None:
        """Begin to have the pending tokens of ``rows`` read; returns before it is done.

        A pass over all of them may leave some for the next launch.
        """

    def land(self) -> None:
        """Wait for what was launched."""

    def abandon(self) -> None:
        """A launch or landing failed: forget its rows, all of whose jobs have been closed."""

    def tune(self) -> bool:
        """Whatever makes later answers faster and takes a while, in a quiet moment.

        Returns whether it is done; if not, it is called again in a later one.
        """

    def rest(self) -> None:
        """Give back to the system what the last answers needed, once nobody asks any more."""

    def shed(self) -> str:
        """Give back the memory that costs least to win again; jobs that run go on with theirs.

        Returns what it was, in words; empty where only the model itself is left.
        """

    def unload(self) -> None:
        """Give back the model's memory; `load` brings it again."""

    def figures(self) -> EngineFigures: ...

    def close(self) -> None:
        """Release what belongs to the thread. Called once, at its end."""


def run_alone(engine: Engine, steps: Generator[Step, None, T]) -> T:
    """The result of one job that shares the model with no other."""
    try:
        while True:
            step = next(steps)
            if rows := (*step.rows, *step.others):
                engine.launch(rows)
                engine.land()
    except StopIteration as end:
        result: T = end.value
        return result
