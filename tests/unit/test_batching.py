"""Several texts in one pass: each says what it would have said alone."""

from __future__ import annotations

import gc
from random import Random
from typing import TYPE_CHECKING

import pytest

import driving
from squill.blas import load_blas
from squill.schema import Column, Schema, Table
from squill_daemon.language_model import Sampling

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from squill_daemon.batching import DecodingRow
    from squill_daemon.engine import Row
    from squill_daemon.language_model import ReadPrompt, Written
    from squill_daemon.mlx_model import MlxModel

SCHEMA = Schema((Table("students", (Column("name"), Column("age"))),))
GREEDY = Sampling()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MlxModel:
    blas = load_blas()
    from squill_daemon.mlx_model import open_model
    from tiny_model import make_tiny_model

    return open_model(str(make_tiny_model(tmp_path_factory.mktemp("tiny"))), blas)


@pytest.fixture(scope="module")
def free_model(model: MlxModel, tmp_path_factory: pytest.TempPathFactory) -> MlxModel:
    """One that writes on and on."""
    from squill_daemon.mlx_model import open_model
    from tiny_model import make_tiny_model

    folder = make_tiny_model(tmp_path_factory.mktemp("free"))
    return open_model(str(folder), model.info.blas, constrained=False)


def prompts(count: int) -> list[str]:
    """Of different lengths, with different beginnings."""
    return [f"{chr(97 + n)} students " * (1 + n % 5) for n in range(count)]


def together(model: MlxModel, texts: list[str], most: int, *samplings: Sampling) -> list[str]:
    read = [driving.read(model, model.encode(text)) for text in texts]
    samplings = samplings or (GREEDY,) * len(texts)
    writings = [
        model.write(prompt, sampling, SCHEMA, "name?")
        for prompt, sampling in zip(read, samplings, strict=True)
    ]
    return [tokens[-1].text for tokens in driving.written(model, writings, most)]


@pytest.mark.parametrize("count", [2, 7, 40])
def test_texts_of_one_batch_are_those_written_alone(model, count):
    alone = [together(model, [text], 12)[0] for text in prompts(count)]
    assert together(model, prompts(count), 12) == alone
    assert len(set(alone)) > 1


def test_a_text_that_joins_later_and_one_that_leaves_change_nothing(model):
    alone = [together(model, [text], 30)[0] for text in prompts(3)]
    read = [driving.read(model, model.encode(text)) for text in prompts(3)]
    first, second, third = (model.write(p, GREEDY, SCHEMA, "name?") for p in read)
    (begun,) = driving.written(model, [some_of(first, 5)])
    both = driving.written(model, [some_of(first, 5), some_of(second, 8)])
    second.close()
    rest = driving.written(model, [some_of(first, 20), some_of(third, 30)], 30)
    assert alone[0].startswith(begun[-1].text)
    assert alone[0].startswith(both[0][-1].text)
    assert alone[1].startswith(both[1][-1].text)
    assert [tokens[-1].text for tokens in rest] == [alone[0], alone[2]]


def test_in_a_crowd_that_comes_and_goes_each_says_what_it_says_alone(free_model):
    """Longer texts than those before, more of them than there are places, and fewer again."""
    rng = Random(3)
    lengths = [1, 1, 2, 8, 8, 25, 8, 60, 1, 2, 25, 1, 8, 1]
    texts = [chr(97 + n) + " student" * length for n, length in enumerate(lengths)]
    wanted = [*3 * [250], *(rng.choice((3, 20, 90)) for _ in texts[3:])]
    crowd = Crowd(free_model, texts, wanted)
    while crowd.waiting or crowd.present:
        crowd.admit(rng.randint(0, 3), most=9)
        crowd.go_on()
    assert crowd.most_present == 9
    for text, length, said in zip(texts, wanted, crowd.said, strict=True):
        assert said == together(free_model, [text], length)[0]


class Crowd:
    """Texts that are begun one after the other, each with its number of tokens to write."""

    def __init__(self, model: MlxModel, texts: list[str], wanted: list[int]) -> None:
        self.said = [""] * len(texts)
        self.waiting = list(range(len(texts)))
        self.present: dict[int, Generator[Written, None, None]] = {}
        self.most_present = 0
        self._model, self._left = model, list(wanted)
        self._prompts = [driving.read(model, model.encode(text)) for text in texts]
        self._rows: dict[int, Row] = {}

    def admit(self, count: int, most: int) -> None:
        for _ in range(min(count, most - len(self.present), len(self.waiting))):
            number = self.waiting.pop(0)
            prompt = self._prompts[number]
            self.present[number] = self._model.write(prompt, GREEDY, SCHEMA, "name?")
        self.most_present = max(self.most_present, len(self.present))

    def go_on(self) -> None:
        for number, writing in list(self.present.items()):
            if number not in self._rows or not self._rows[number].pending:
                self._write(number, next(writing))
        if rows := [self._rows[number] for number in self.present]:
            self._model.launch(rows)
            self._model.land()

    def _write(self, number: int, token: Written) -> None:
        self.said[number] = token.text
        self._left[number] -= 1
        if token.row is not None:
            self._rows[number] = token.row
        if token.end or not self._left[number]:
            self.present.pop(number).close()


def some_of(writing: Generator[Written, None, None], count: int) -> Iterator[Written]:
    """Its next tokens; it stays open."""
    for _ in range(count):
        yield next(writing)


def test_a_prompt_is_read_while_others_decode(model):
    first = driving.read(model, model.encode("a student"))
    writing = model.write(first, GREEDY, SCHEMA, "name?")
    row = next(writing).row
    tokens = model.encode("b student " * 40)
    reading = model.read(tokens)
    reads = 0
    for other in reading_rows(reading, model, row, writing):
        reads += 1
        assert other.pending == [] or len(other.pending) < len(tokens)
    assert reads > 1
    assert driving.read(model, tokens).cached == len(tokens) - 1
    writing.close()


def reading_rows(
    reading: Generator[DecodingRow, None, ReadPrompt],
    model: MlxModel,
    row: Row,
    writing: Generator[Written, None, None],
) -> Iterator[DecodingRow]:
    for other in reading:
        model.launch([row, other])
        model.land()
        row = next(writing).row
        yield other


def test_all_texts_in_a_pass_share_the_prompt_budget(model):
    from squill_daemon.batching import CHUNK

    readings = [model.read(model.encode(f"{n} student " * 60)) for n in "abc"]
    rows = [next(reading) for reading in readings]
    before = sum(len(row.pending) for row in rows)
    model.launch(rows)
    model.land()
    assert 0 < before - sum(len(row.pending) for row in rows) <= CHUNK
    for reading in readings:
        reading.close()


def test_closed_texts_leave_nothing_behind(model):
    together(model, prompts(6), 5)
    together(model, prompts(1), 1)
    assert not any(batch.rows for batch in model._batcher._batches)


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """Of Python's cycles: what they hold stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
def test_what_a_batch_held_is_free_with_its_last_text(model):
    import mlx.core as mx

    held = []
    for _ in range(4):
        together(model, prompts(12), 5)
        together(model, prompts(1), 1)
        held.append(mx.get_active_memory())
    assert held[1:] == held[:1] * 3


def test_sampled_texts_beside_the_greedy_one_leave_it_alone(model):
    samplings = (GREEDY, Sampling(0.7, 1), Sampling(0.7, 2))
    greedy, first, second = together(model, ["students"] * 3, 15, *samplings)
    assert greedy == together(model, ["students"], 15)[0]
    assert len({greedy, first, second}) == 3
