"""A fused folder through plain `mlx_lm.generate` answers as the daemon with the adapter."""

from __future__ import annotations

import json
import shutil
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from chatty_model import make_chatty_model
from driving import read, written
from squill.adapters import user_registry
from squill.blas import load_blas
from squill.ddl import parse_schema
from squill.errors import AdapterError
from tiny_adapter import make_tiny_adapter
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

    from squill.adapters import AdapterCard

SCHEMA = parse_schema("CREATE TABLE t (a TEXT, b INT);", "sqlite").schema
QUESTIONS = ("How many", 'the "largest" b, or it\'s least')
MOST = 24


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNTIME", "STATE", "CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"SQUILL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def quantised(folder: Path, target: Path) -> Path:
    from mlx_lm.utils import load_model, quantize_model, save_config, save_model

    shutil.copytree(folder, target)
    (target / "model.safetensors").unlink()
    model, config = load_model(folder)
    model, config = quantize_model(model, config, group_size=32, bits=4)
    save_model(target, model)
    save_config(config, target / "config.json")
    return target


def made_base(tmp_path: Path, *, chat: bool, bits: bool) -> Path:
    make = make_chatty_model if chat else make_tiny_model
    folder = make(tmp_path / "base")
    return quantised(folder, tmp_path / "quantised") if bits else folder


def daemons(base: Path, card: AdapterCard | None, question: str) -> str:
    """What the daemon's model writes without its grammar."""
    from squill_daemon.language_model import Sampling
    from squill_daemon.mlx_model import open_model

    model = open_model(str(base), load_blas(), constrained=False)
    tokens = model.encode(model.prompt_format.prompt(SCHEMA, question))
    prompt = read(model, tokens, card.digest if card else None)
    (answer,) = written(model, [model.write(prompt, Sampling(), SCHEMA, question)], MOST)
    return answer[-1].text if answer else ""


def content(chat: bool, question: str) -> str:
    from squill.prompt import format_by_id

    form = format_by_id("chat-1" if chat else "plain-1", lambda messages: messages[0]["content"])
    return form.prompt(SCHEMA, question)


def generated(
    folder: Path, prompt: str, monkeypatch: pytest.MonkeyPatch, capsys: Any, *options: str
) -> str:
    """What plain `mlx_lm.generate` prints."""
    typed = prompt.replace("\n", "\\n")  # as in a shell's double quotes
    command = ["mlx_lm.generate", "--model", str(folder), "--prompt", typed, *options]
    command += ["--max-tokens", str(MOST), "--verbose", "False"]
    monkeypatch.setattr(sys, "argv", command)
    capsys.readouterr()
    import_module("mlx_lm.generate").main()
    said: str = capsys.readouterr().out
    return said.removesuffix("\n")


@pytest.fixture
def thinking(monkeypatch: pytest.MonkeyPatch) -> None:
    """mlx-lm takes the model for one that can think, and tells its template to let it."""
    wrapper = import_module("mlx_lm.tokenizer_utils").TokenizerWrapper
    monkeypatch.setattr(wrapper, "has_thinking", property(lambda _: True))


def published(base: Path, tmp_path: Path, *, prompt_format: str, **options: Any) -> AdapterCard:
    from squill.model_files import content_digest

    folder = make_tiny_adapter(base, tmp_path / "adapter", **options)
    return user_registry().publish(folder, base=content_digest(base), prompt_format=prompt_format)


def fuse(base: Path, digest: str, out: Path, *options: str) -> int:
    from squill_trainer.commands.adapters import main

    return main(["fuse", digest, "--model", str(base), "--out", str(out), *options])


@pytest.mark.usefixtures("thinking")
@pytest.mark.parametrize("bits", [False, True], ids=["full", "quantised"])
@pytest.mark.parametrize("chat", [False, True], ids=["plain", "chat"])
def test_mlx_lm_writes_of_the_fused_folder_what_the_daemon_writes(
    tmp_path, monkeypatch, capsys, chat, bits
):
    base = made_base(tmp_path, chat=chat, bits=bits)
    keys = ["self_attn.q_proj", "mlp.down_proj", "model.embed_tokens"]
    card = published(base, tmp_path, prompt_format="chat-1" if chat else "plain-1", keys=keys)
    assert fuse(base, card.digest, tmp_path / "fused") == 0
    answers = []
    for question in QUESTIONS:
        wanted = daemons(base, card, question)
        prompt = content(chat, question)
        assert generated(tmp_path / "fused", prompt, monkeypatch, capsys) == wanted
        assert daemons(tmp_path / "fused", None, question) == wanted
        answers.append(wanted)
    assert daemons(base, None, QUESTIONS[0]) != answers[0], "the adapter must matter"


def test_a_fused_dora_is_the_same_too(tmp_path, monkeypatch, capsys):
    base = made_base(tmp_path, chat=False, bits=False)
    card = published(base, tmp_path, prompt_format="plain-1", kind="dora")
    assert fuse(base, card.digest, tmp_path / "fused") == 0
    text = generated(tmp_path / "fused", content(False, QUESTIONS[0]), monkeypatch, capsys)
    assert text == daemons(base, card, QUESTIONS[0])


def test_what_was_learned_without_the_template_is_asked_without_it(tmp_path, monkeypatch, capsys):
    base = made_base(tmp_path, chat=True, bits=False)
    card = published(base, tmp_path, prompt_format="plain-1")
    assert fuse(base, card.digest, tmp_path / "fused") == 0
    assert not list((tmp_path / "fused").glob("chat_template*"))
    text = generated(tmp_path / "fused", "Q: a\nA:", monkeypatch, capsys)
    unfused = ["--adapter-path", str(user_registry().folder(card.digest))]
    raw = generated(base, "Q: a\nA:", monkeypatch, capsys, *unfused, "--ignore-chat-template")
    assert text == raw
    assert text != generated(base, "Q: a\nA:", monkeypatch, capsys, *unfused)


def test_quantising_again_reports_its_agreement(tmp_path, capsys):
    base = made_base(tmp_path, chat=False, bits=True)
    card = published(base, tmp_path, prompt_format="plain-1")
    fused = tmp_path / "fused"
    assert fuse(base, card.digest, fused, "--bits", "4", "--group-size", "32", "--json") == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["agreement"]
    assert 0 < found["same"] < found["tokens"]
    assert found["answers"] == 6
    share = 100 * found["same"] / found["tokens"]
    assert f"{share:.1f} % of {found['tokens']} tokens" in (fused / "README.md").read_text()
    config = json.loads((fused / "config.json").read_text())
    assert config["quantization"] == {"group_size": 32, "bits": 4, "mode": "affine"}


def test_the_readme_has_the_prompt_and_both_files_the_end_tokens(tmp_path):
    base = made_base(tmp_path, chat=False, bits=False)
    (base / "generation_config.json").write_text('{"eos_token_id": [0, 5], "top_k": 3}')
    card = published(base, tmp_path, prompt_format="plain-1")
    assert fuse(base, card.digest[:8], tmp_path / "fused") == 0
    text = (tmp_path / "fused" / "README.md").read_text()
    assert '--prompt "table: students\\ncolumns: name TEXT, age INT' in text
    for name in ("config.json", "generation_config.json"):
        settings = json.loads((tmp_path / "fused" / name).read_text())
        assert settings["eos_token_id"] == [0, 5]


def test_what_cannot_be_fused_leaves_no_folder(tmp_path, capsys):
    base = made_base(tmp_path, chat=False, bits=False)
    card = published(base, tmp_path, prompt_format="plain-1")
    other = make_tiny_model(tmp_path / "other", seed=1)
    assert fuse(other, card.digest, tmp_path / "fused") == 3
    assert "another base model" in capsys.readouterr().err
    assert not (tmp_path / "fused").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    assert fuse(base, card.digest, tmp_path / "full") == 3
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.usefixtures("thinking")
def test_a_folder_that_would_be_asked_otherwise_is_refused(tmp_path, monkeypatch):
    from squill_trainer.tuning import fuse as fusing
    from squill_trainer.tuning.fused_folder import Precision, fuse_adapter

    base = made_base(tmp_path, chat=True, bits=False)
    card = published(base, tmp_path, prompt_format="chat-1")
    monkeypatch.setattr(fusing, "_PINNED", "")  # the tool would have the model think
    folder = user_registry().folder(card.digest)
    with pytest.raises(AdapterError, match="another prompt"):
        fuse_adapter(card, folder, str(base), tmp_path / "fused", Precision())
    assert not (tmp_path / "fused").exists()
