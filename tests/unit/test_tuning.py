"""Fine-tuning on a data set: what is encoded, counted, told and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models.llama import Model, ModelArgs

from chatty_model import make_chatty_model
from squill.adapters import user_registry
from squill.errors import AdapterError, UsageError
from squill.prompt import chat_template, format_for_model
from squill.prompt.formats import declared_format
from squill_trainer.base_model import load_base
from squill_trainer.commands.train import main
from squill_trainer.commands.train_report import draw, keep_curves
from squill_trainer.learning.lora import LoraSettings
from squill_trainer.learning.run import Outcome
from squill_trainer.tuning.curves import Curves, Point, read_curves
from squill_trainer.tuning.examples import ExampleEncoder, read_splits
from squill_trainer.tuning.finetune import add_lora, token_accuracy, token_loss
from squill_trainer.tuning.report import write_report
from tiny_adapter import make_tiny_adapter
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill_trainer.base_model import Base

TINY_LLAMA = {
    "hidden_size": 2048,
    "num_hidden_layers": 22,
    "intermediate_size": 5632,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "rms_norm_eps": 1e-5,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}
ATTENTION = ("self_attn.q_proj", "self_attn.v_proj")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(str(make_tiny_model(tmp_path_factory.mktemp("plain"))), exact=True)


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(str(make_chatty_model(tmp_path_factory.mktemp("chatty"))), exact=True)


def test_the_recipe_trains_as_many_parameters_as_it_says() -> None:
    model = Model(ModelArgs.from_dict({"model_type": "llama"} | TINY_LLAMA))  # lazy: no weights
    lora = LoraSettings(rank=8, scale=20.0, keys=ATTENTION, num_layers=16)
    counted = add_lora(model, lora)
    assert str(counted) == "Trainable parameters: 0.074% (0.819M/1100.868M)"
    own: Any = model.parameters()
    assert counted.total == sum(array.size for _, array in tree_flatten(own))


def test_what_cannot_be_adapted_is_a_wrong_call(plain):
    with pytest.raises(UsageError, match="has 2 layers, not 16"):
        add_lora(plain.model, LoraSettings(num_layers=16))
    with pytest.raises(UsageError, match="called no_proj"):
        add_lora(plain.model, LoraSettings(keys=("no_proj",)))


def test_loss_and_accuracy_count_the_answer_alone() -> None:
    batch = mx.array([[1, 2, 3, 4, 0, 0], [1, 2, 3, 4, 5, 6]])
    spans = mx.array([[2, 4], [2, 6]])  # answers are (3, 4) and (3, 4, 5, 6)

    def model(tokens: mx.array) -> mx.array:
        """Sure that the next token is 3, whatever it reads."""
        return mx.broadcast_to(mx.where(mx.arange(7) == 3, 40.0, 0.0), (*tokens.shape, 7))

    loss, count = token_loss(model, batch, spans)
    accuracy, _ = token_accuracy(model, batch, spans)
    assert count.item() == 6
    assert accuracy.item() == pytest.approx(2 / 6)
    assert loss.item() == pytest.approx(40 * 4 / 6, rel=1e-3)


def text_of(base: Base, sequence: tuple[list[int], int]) -> tuple[str, str]:
    tokens, start = sequence
    return base.tokenizer.decode(tokens[:start]), base.tokenizer.decode(tokens[start:])


def test_a_plain_model_learns_prompt_and_completion_as_they_are(plain):
    encoded = ExampleEncoder(plain).encode([{"prompt": "Q: a\nA:", "completion": " SELECT 1"}])
    assert encoded.prompt_format == "plain-1"
    assert text_of(plain, encoded.sequences[0]) == ("Q: a\nA:", " SELECT 1<end>")


def test_a_chat_model_learns_what_the_daemon_will_ask(chatty):
    encoded = ExampleEncoder(chatty).encode([{"prompt": "Q: a", "completion": "SELECT 1"}])
    template = chat_template(chatty.tokenizer)
    assert template is not None
    asked = template([{"role": "user", "content": "Q: a"}])
    assert asked.endswith("<assistant> () ")
    assert encoded.prompt_format == "chat-1"
    assert text_of(chatty, encoded.sequences[0]) == (asked, "SELECT 1<end>")


def test_a_text_that_carries_the_template_is_taken_for_a_chat(chatty):
    text = "<user> Q: a\n<assistant> () SELECT 1<end>\n"
    encoded = ExampleEncoder(chatty).encode([{"text": text}])
    same = ExampleEncoder(chatty).encode([{"prompt": "Q: a", "completion": "SELECT 1"}])
    assert encoded == same


def test_any_other_text_has_loss_from_its_start(chatty, plain):
    for base in (chatty, plain):
        encoded = ExampleEncoder(base).encode([{"text": "Q: a\nA: SELECT 1"}])
        assert encoded.prompt_format == "plain-1"
        assert text_of(base, encoded.sequences[0]) == ("", "Q: a\nA: SELECT 1<end>")


def test_a_conversation_is_asked_as_a_whole(chatty, plain):
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    encoded = ExampleEncoder(chatty).encode([{"messages": messages}])
    assert text_of(chatty, encoded.sequences[0])[1] == "b<end>"
    with pytest.raises(UsageError, match="no chat template"):
        ExampleEncoder(plain).encode([{"messages": messages}])
    with pytest.raises(UsageError, match="must end with the assistant"):
        ExampleEncoder(chatty).encode([{"messages": messages[:1]}])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['{"text": "a"}', '{"prompt": "a", "completion": "b"}'], "mixes"),
        (['{"question": "a"}'], "neither"),
        (['{"text": 1}'], "neither"),
        (["{"], "not JSON Lines"),
        ([], "squill dataset"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path, lines, said):
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(UsageError, match=said):
        read_splits(path)


def test_the_format_is_known_without_loading_the_tokenizer(plain, chatty):
    for base in (plain, chatty):
        form = format_for_model(base.folder, chat_template(base.tokenizer))
        assert declared_format(base.folder) == form.id


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for split, count in (("train", 6), ("valid", 2), ("test", 2)):
        lines = [{"prompt": f"Q: {n}\nA:", "completion": f" SELECT {n}"} for n in range(count)]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (folder / f"{split}.jsonl").write_text(text)
    return folder


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("RUNTIME", "STATE", "CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"SQUILL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    mx.disable_compile()  # few steps, and a compiler's run for each kernel
    yield tmp_path
    mx.enable_compile()


@pytest.mark.usefixtures("own_folders")
def test_a_training_tells_and_keeps_what_it_measured(data, plain, capsys):
    command = ["--data", str(data), "--model", str(plain.folder), "--test", "--report"]
    command += ["--num-layers", "1", "--iters", "4", "--batch-size", "2", "--steps-per-report", "2"]
    assert main([*command, "--fine-tune-type", "dora", "--seed", "3"]) == 0
    said = capsys.readouterr().out
    assert "Trainable parameters: " in said
    for line in ("Iter 0: Val loss ", "Iter 2: Train loss ", "Iter 3: Val loss ", "Iter 4: Train "):
        assert line in said
    assert "It/sec " in said
    assert "Tokens/sec " in said
    assert "Test loss " in said
    (card,) = user_registry().cards()
    assert card.prompt_format == "plain-1"
    folder = user_registry().folder(card.digest)
    curves = read_curves(folder)
    assert [p.step for p in curves.steps if p.loss is not None] == [2, 4]
    assert card.figures["loss"] == curves.last_loss
    assert (folder / "report.png").stat().st_size > 1000
    assert "Iter 4" not in (folder / "report.html").read_text()


def test_an_adapter_is_written_where_it_is_wanted(own_folders, data, plain, capsys):
    path = own_folders / "adapter"
    command = ["--data", str(data / "train.jsonl"), "--model", str(plain.folder), "--iters", "1"]
    assert main([*command, "--num-layers", "-1", "--adapter-path", str(path)]) == 0
    assert "no validation" in capsys.readouterr().out
    names = {"adapters.safetensors", "adapter_config.json", "card.json", "curves.json"}
    assert names <= {file.name for file in path.iterdir()}
    assert user_registry().cards() == ()


def test_a_training_with_too_few_examples_is_a_wrong_call(own_folders, data, plain, capsys):
    command = ["--data", str(data), "--model", str(plain.folder), "--num-layers", "1"]
    assert main([*command, "--batch-size", "7"]) == 2
    assert "Lower --batch-size" in capsys.readouterr().err
    assert main([*command, "--rank", "0"]) == 2
    assert main(["--data", str(own_folders / "no")]) == 2


def test_a_report_shows_every_curve(tmp_path):
    curves = Curves([Point(0, validation=2.0, accuracy=0.1), Point(10, loss=1.0)], {"pairs": 3})
    curves.steps.append(Point(20, loss=0.5, validation=0.7, accuracy=0.8))
    page, picture = write_report(tmp_path, curves, "adapter <x>")
    text = page.read_text()
    assert "adapter &lt;x&gt;" in text
    assert all(name in text for name in (">loss<", ">validation<", ">accuracy<", "The gate"))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert Curves.from_json(json.loads(json.dumps(curves.to_json()))) == curves


def test_an_adapter_without_curves_says_so(tmp_path):
    with pytest.raises(AdapterError, match="did not train it"):
        read_curves(tmp_path)
    (tmp_path / "curves.json").write_text("[]")
    with pytest.raises(AdapterError, match="damaged"):
        read_curves(tmp_path)


def test_a_training_on_pairs_keeps_its_curves_with_the_gates_figures(own_folders, plain):
    adapter = make_tiny_adapter(plain.folder, own_folders / "adapter")
    card = user_registry().publish(
        adapter, base="b" * 64, prompt_format="plain-1", figures={"pairs_right": 2}
    )
    outcome = Outcome(
        promoted=True, reason="pairs 0/2 → 2/2", digest=card.digest, losses=(2.0, 0.5)
    )
    curves = keep_curves(outcome)
    folder = user_registry().folder(card.digest)
    assert read_curves(folder) == curves
    assert curves.to_json() == {
        "steps": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 0.5}],
        "gate": {"pairs_right": 2},
    }
    assert user_registry().card(card.digest) == card
    page, picture = draw(outcome, curves, Path())
    assert page.parent == picture.parent == folder
