"""Several texts in one pass: each says what it would have said alone."""

from __future__ import annotations

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


def test_sampled_texts_beside_the_greedy_one_leave_it_alone(model):
    samplings = (GREEDY, Sampling(0.7, 1), Sampling(0.7, 2))
    greedy, first, second = together(model, ["students"] * 3, 15, *samplings)
    assert greedy == together(model, ["students"], 15)[0]
    assert len({greedy, first, second}) == 3
