"""Models of the families that people use answer through the daemon's own code."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from squill.binding import bind
from squill.blas import load_blas
from squill.ddl import parse_schema
from squill.settings import GenerationSettings, Settings
from squill_daemon.answerer import Answerer
from squill_daemon.engine import run_alone
from squill_daemon.requests import GenerateRequest

if TYPE_CHECKING:
    from pathlib import Path

    from squill_daemon.engine import Answer
    from squill_daemon.mlx_model import MlxModel

DDL = "CREATE TABLE a (b TEXT, c INTEGER);"
SCHEMA = parse_schema(DDL, "sqlite").schema
FAMILIES = ("llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi", "phi3")
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@pytest.fixture(scope="module")
def blas() -> str:
    return load_blas()


def opened(folder: Path, blas: str) -> MlxModel:
    from squill_daemon.mlx_model import open_model

    return open_model(str(folder), blas)


def answer(model: MlxModel, count: int = 1) -> Answer:
    generation = GenerationSettings(max_tokens=40, budget_ms=60_000)
    answerer = Answerer(lambda: model, Settings(generation=generation))
    answerer.load()
    request = GenerateRequest((DDL,), "all of them?", n=count)
    return run_alone(answerer, answerer.generate(request, time.monotonic()))


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_answers_within_the_grammar(family: str, blas: str, tmp_path: Path) -> None:
    from tiny_families import make_family

    found = answer(opened(make_family(tmp_path, family), blas), count=3)
    assert found.candidates, found.refused
    assert all(bind(candidate.sql, SCHEMA).valid for candidate in found.candidates)


@pytest.mark.parametrize("family", FAMILIES)
def test_4_bit_weights_answer_as_the_numbers_they_stand_for(
    family: str, blas: str, tmp_path: Path
) -> None:
    from mlx_lm.utils import dequantize_model, load_model

    from tiny_families import make_family, save

    packed, whole = tmp_path / "packed", tmp_path / "whole"
    for folder in (packed, whole):
        make_family(folder, family, bits=4)
    model, config = load_model(packed)
    save(whole, dequantize_model(model))
    config = {name: value for name, value in config.items() if not name.startswith("quantization")}
    (whole / "config.json").write_text(json.dumps(config))

    one, other = (answer(opened(folder, blas), count=2).candidates for folder in (packed, whole))
    assert one
    assert [(c.sql, c.logprob) for c in one] == [(c.sql, c.logprob) for c in other]


@pytest.mark.parametrize("template", ["", TEMPLATE], ids=["plain", "chat"])
def test_a_prompt_begins_with_one_start_token(template: str, blas: str, tmp_path: Path) -> None:
    from tiny_families import START, WORDS, make_family

    model = opened(make_family(tmp_path, "llama", chat_template=template), blas)
    text = model.prompt_format.prompt(SCHEMA, f"what is {START}?")
    tokens = model.encode(text)
    assert model.prompt_format.id == ("chat-1" if template else "plain-1")
    assert (tokens[0], tokens.count(WORDS[START])) == (WORDS[START], 1)
    assert text.count("<|assistant|>") == bool(template)
    assert answer(model).candidates
