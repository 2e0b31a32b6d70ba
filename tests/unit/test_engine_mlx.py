"""The real engine on a tiny random model: caching, sampling, stopping, loading."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import driving
from driving import read
from squill.adapters import user_registry
from squill.blas import load_blas
from squill.errors import ModelUnsupportedError, SchemaError
from squill.schema import Column, Schema, Table
from squill_daemon.language_model import Sampling

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from squill_daemon.language_model import ReadPrompt, Written
    from squill_daemon.mlx_model import MlxModel

SCHEMA = Schema((Table("students", (Column("name"), Column("age"))),))


@pytest.fixture(scope="module")
def blas() -> str:
    return load_blas()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, blas: str) -> Path:
    from tiny_model import make_tiny_model

    assert blas
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


def opened(folder: Path, blas: str, **options: int) -> MlxModel:
    from squill_daemon.mlx_model import open_model

    return open_model(str(folder), blas, **options)


@pytest.fixture
def model(folder: Path, blas: str) -> MlxModel:
    return opened(folder, blas)


def written(model: MlxModel, prompt: ReadPrompt, sampling: Sampling, most: int = 20) -> str:
    (tokens,) = driving.written(model, [model.write(prompt, sampling, SCHEMA, "q")], most)
    return tokens[-1].text if tokens else ""


def text_of(length: int) -> str:
    return "".join(chr(97 + (7 * i + i * i) % 26) for i in range(length))


def test_a_prompt_from_the_cache_gives_the_same_text(folder, blas):
    warm, cold = opened(folder, blas), opened(folder, blas)
    tokens = warm.encode(text_of(300))
    read(warm, warm.encode(text_of(280) + "something else"))
    first = read(warm, tokens)
    assert first.cached == 280
    assert written(warm, first, Sampling()) == written(cold, read(cold, tokens), Sampling())


def test_the_same_prompt_is_read_but_for_its_last_token(model):
    tokens = model.encode(text_of(200))
    assert read(model, tokens).cached == 0
    assert read(model, tokens).cached == 199


def test_a_short_prompt_is_read_in_one_pass(model):
    reading = model.read(model.encode(text_of(40)))
    model.launch([next(reading)])
    model.land()
    with pytest.raises(StopIteration):
        next(reading)


def test_a_read_that_is_put_down_goes_on_where_it_stopped(model):
    tokens = model.encode(text_of(500))
    reading = model.read(tokens)
    model.launch([next(reading)])
    model.land()
    reading.close()
    assert read(model, tokens).cached == 128


def test_writing_leaves_the_prompt_as_it_was(model):
    prompt = read(model, model.encode(text_of(50)))
    first = written(model, prompt, Sampling())
    written(model, prompt, Sampling(0.7, seed=5))
    assert written(model, prompt, Sampling()) == first


def test_a_seed_decides_what_is_sampled(model):
    prompt = read(model, model.encode(text_of(50)))
    texts = {seed: written(model, prompt, Sampling(0.7, seed)) for seed in (1, 2)}
    assert texts[1] != texts[2]
    assert written(model, prompt, Sampling(0.7, 1)) == texts[1]


def test_an_old_prefix_makes_room_for_new_ones(folder, blas):
    model = opened(folder, blas, cache_bytes=1 << 20)
    first = model.encode("a" + text_of(30))
    read(model, first)
    for start in range(50):
        read(model, model.encode(f"{start}" + text_of(30)))
    assert model.figures().cache_bytes <= 1 << 20
    assert read(model, first).cached == 0


def test_a_prompt_longer_than_the_model_reads_is_refused(model):
    with pytest.raises(SchemaError, match="fewer tables"):
        read(model, model.encode(text_of(3000)))


def test_writing_ends_at_the_end_of_the_window(model):
    prompt = read(model, model.encode(text_of(2040)))
    writing = model.write(prompt, Sampling(0.7, 1), SCHEMA, "q")
    (tokens,) = driving.written(model, [writing], most=100)
    assert tokens[-1].end or sum(1 + token.forced for token in tokens) == 8


def test_an_end_token_named_only_in_the_generation_config_ends_the_text(folder, blas, tmp_path):
    from tiny_model import make_tiny_model

    make_tiny_model(tmp_path)
    prompt = read(opened(folder, blas), opened(folder, blas).encode(text_of(50)))
    plain = opened(tmp_path, blas)
    first = written(plain, read(plain, list(prompt.tokens)), Sampling(), most=1)
    token = plain.encode(first)[0]
    (tmp_path / "generation_config.json").write_text(f'{{"eos_token_id": {token}}}')
    stopping = opened(tmp_path, blas)
    (only,) = list(stopping.write(read(stopping, list(prompt.tokens)), Sampling(), SCHEMA, "q"))
    assert only.end
    assert only.text == ""


def test_a_quantised_model_is_served_in_full_precision_on_a_cpu(blas, tmp_path):
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.utils import load_model, quantize_model, save_model

    from tiny_model import make_tiny_model

    make_tiny_model(tmp_path)
    loaded, config = load_model(tmp_path)
    quantised, config = quantize_model(loaded, config, group_size=32, bits=8)
    save_model(tmp_path, quantised)
    (tmp_path / "config.json").write_text(json.dumps(config))
    served = opened(tmp_path, blas)
    if mx.default_device() == mx.cpu:
        assert {v.dtype for _, v in tree_flatten(served._model.parameters())} == {mx.float32}
    assert written(served, read(served, served.encode("abc")), Sampling())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "no_such_architecture"}, "not supported"),
        ({"model_file": "evil.py"}, "never runs"),
        ({"num_hidden_layers": 3}, "parameters"),
        ({"hidden_size": "wide"}, "str"),
    ],
)
def test_a_model_that_mlx_cannot_build_is_named_with_the_reason(tmp_path, blas, change, reason):
    from tiny_model import make_tiny_model

    make_tiny_model(tmp_path, **change)
    with pytest.raises(ModelUnsupportedError, match=reason) as caught:
        opened(tmp_path, blas)
    assert str(tmp_path) in caught.value.message


def test_a_broken_tokenizer_is_named_as_well(tmp_path, blas):
    from tiny_model import make_tiny_model

    make_tiny_model(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(ModelUnsupportedError):
        opened(tmp_path, blas)


def kept(folder: Path, blas: str, place: Path) -> MlxModel:
    from squill_daemon.mlx_model import open_model

    return open_model(str(folder), blas, kept=place)


def test_the_prompt_read_last_outlives_the_model(folder, blas, tmp_path):
    first = kept(folder, blas, tmp_path)
    tokens = first.encode(text_of(300))
    text = written(first, read(first, tokens), Sampling())
    first.unload()
    second = kept(folder, blas, tmp_path)
    prompt = read(second, tokens)
    assert prompt.cached == 299
    assert written(second, prompt, Sampling()) == text


@pytest.mark.parametrize("damage", ["cut", "foreign", "nonsense"])
def test_a_kept_prompt_that_is_damaged_or_foreign_is_removed(folder, blas, tmp_path, damage):
    first = kept(folder, blas, tmp_path)
    tokens = first.encode(text_of(100))
    read(first, tokens)
    first.unload()
    (path,) = tmp_path.iterdir()
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif damage == "nonsense":
        path.write_bytes(b"nonsense")
    else:
        path.write_bytes(path.read_bytes().replace(first.info.digest.encode(), b"f" * 64))
    second = kept(folder, blas, tmp_path)
    assert read(second, tokens).cached == 0
    assert list(tmp_path.iterdir()) == []
    second.unload()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_costs_only_the_kept_prompt(folder, blas, tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    model = kept(folder, blas, place)
    read(model, model.encode(text_of(100)))
    model.unload()


def test_kernels_new_to_a_machine_are_compiled_by_a_process_of_its_own(
    folder, blas, tmp_path, monkeypatch
):
    from squill_daemon import compiled

    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    model = opened(folder, blas)
    assert not model.tune()
    assert model._compiling is not None
    assert model._compiling.wait(100) == 0
    assert model.tune()
    prompt = read(model, model.encode(text_of(50)))
    assert written(model, prompt, Sampling()) == written(opened(folder, blas), prompt, Sampling())


def test_the_compiling_process_ends_with_the_model(folder, blas, tmp_path, monkeypatch):
    from squill_daemon import compiled

    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    model = opened(folder, blas)
    assert not model.tune()
    model.unload()
    assert model._compiling is not None
    assert model._compiling.poll() is not None


def test_short_memory_takes_prompts_then_adapters_and_no_answer(
    folder, blas, tmp_path, monkeypatch
):
    from tiny_adapter import make_tiny_adapter

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    model = opened(folder, blas)
    source = make_tiny_adapter(folder, tmp_path / "made")
    card = user_registry().publish(
        source, base=model.info.digest, prompt_format=model.prompt_format.id
    )
    prompt = read(model, model.encode(text_of(50)), card.digest)
    expected = written(model, prompt, Sampling())
    given_back = []

    def short_of_memory() -> Generator[Written, None, None]:
        writing = model.write(prompt, Sampling(), SCHEMA, "q")
        yield next(writing)
        given_back.extend(model.shed() for _ in range(3))
        yield from writing

    (tokens,) = driving.written(model, [short_of_memory()])
    assert given_back == ["the prompts read before", "the adapters", ""]
    assert model.figures().cache_bytes == 0
    assert model.figures().adapters_loaded == ()
    assert tokens[-1].text == expected
