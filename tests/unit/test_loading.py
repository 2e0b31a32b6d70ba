"""The short way to a plain model gives what mlx-lm's own way gives, and imports little."""

from __future__ import annotations

import json
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model, load_tokenizer

from squill.model_files import check_files
from squill.paths import EMBEDDED_MODEL
from squill_daemon.fast_tokenizer import FastTokenizer, suffices
from squill_daemon.loading import load
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {"transformers", "huggingface_hub", "jinja2"}

LOADED = f"""
import sys
from squill.settings import Settings
from squill_daemon.answerer import make_answerer
answerer = make_answerer(Settings())
answerer.load()
print(sorted({HEAVY} & sys.modules.keys()))
from mlx_lm import generate
print(generate.__module__, "transformers" in sys.modules)
answerer.close()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


def settled(folder: Path, settings: dict[str, Any]) -> Path:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


def text_of(tokenizer: Any, tokens: list[int]) -> str:
    text = tokenizer.detokenizer
    for token in tokens:
        text.add_token(token)
    text.finalize()
    return str(text.text)


def test_the_embedded_model_is_loaded_without_what_only_others_need():
    run = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.splitlines() == ["[]", "mlx_lm.generate True"]


@pytest.mark.parametrize("name", ["tiny", "embedded"])
def test_a_plain_tokenizer_gives_the_tokens_and_texts_of_mlx_lm(folder, name):
    place = folder if name == "tiny" else EMBEDDED_MODEL
    assert suffices(place)
    fast: Any = FastTokenizer(place, [0])
    own: Any = load_tokenizer(place, eos_token_ids=0)
    assert fast.eos_token_ids == own.eos_token_ids
    rng, pieces = Random(0), ["a", " b", "  ", "é", "\n", "<t1>", "</s>", "<end>", "12", "SELECT "]
    for _ in range(100):
        text = "".join(rng.choices(pieces, k=12))
        tokens = fast.encode(text, add_special_tokens=False)
        assert tokens == own.encode(text, add_special_tokens=False)
        assert fast.encode(text) == own.encode(text)
        assert text_of(fast, tokens) == text_of(own, tokens)


def test_text_that_ends_in_half_a_character_waits_for_the_other_half():
    fast = FastTokenizer(EMBEDDED_MODEL, [0])
    tokens = fast.encode("𓀀", add_special_tokens=False)
    text = fast.detokenizer
    assert len(tokens) > 1
    for token in tokens:
        assert text.text == ""
        text.add_token(token)
    assert text.text == "𓀀"


@pytest.mark.parametrize(
    "settings",
    [
        {"chat_template": "{{ messages }}"},
        {"add_bos_token": True},
        {"tokenizer_class": "LlamaTokenizer"},
        {"eos_token": "<unheard of>"},
    ],
)
def test_a_tokenizer_with_more_to_it_is_left_to_transformers(tmp_path, settings):
    assert not suffices(settled(make_tiny_model(tmp_path), settings))


def test_a_chat_template_beside_the_tokenizer_counts_as_well(tmp_path):
    (make_tiny_model(tmp_path) / "chat_template.jinja").write_text("{{ messages }}")
    assert not suffices(tmp_path)


def test_a_plain_model_has_the_weights_that_mlx_lm_gives_it(folder):
    model, _ = load(folder, check_files(folder, as_float32=False), on_cpu=False)
    own, _ = load_model(folder)
    ours: Any = dict(tree_flatten(model.parameters()))
    theirs: Any = dict(tree_flatten(own.parameters()))
    assert ours.keys() == theirs.keys()
    assert all(mx.array_equal(ours[name], theirs[name]) for name in theirs)
    assert not model.training
