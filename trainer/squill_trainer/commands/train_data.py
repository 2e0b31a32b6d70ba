"""``squill train --data``: fine-tune any mlx-lm model on a data set of one's own."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import SquillError, UsageError
from squill.paths import runtime_paths
from squill.private import make_private_directory
from squill.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.adapters import AdapterCard
    from squill_trainer.learning.lora import LoraSettings
    from squill_trainer.tuning.curves import Curves

DONE, _, USAGE, TROUBLE = range(4)


def main(argv: Sequence[str]) -> int:
    """Exit code 0: trained; 2: usage; 3: the model cannot be loaded or trained."""
    options = _parser().parse_args(argv)
    try:
        _train(options)
    except SquillError as error:
        print(f"squill train: {error.message}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else TROUBLE
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill train",
        description="Fine-tune a model on a data set with mlx-lm's tuner and settings.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        help="a folder with train, valid and test.jsonl, or one .jsonl file; its lines have "
        "text, or prompt and completion, or messages",
    )
    add("--model", default=None, help="path or hub id (default: the setting `model`)")
    add("--fine-tune-type", choices=("lora", "dora"), default="lora", help="kind of adapter")
    add("--num-layers", type=int, default=16, metavar="N", help="the last N layers; -1 for all")
    add("--rank", type=int, default=8, metavar="N", help="of the low-rank layers")
    add("--scale", type=float, default=20.0, metavar="X", help="of what they add")
    add("--dropout", type=float, default=0.0, metavar="P", help="of their input")
    add("--keys", default="", metavar="A,B", help="modules to adapt; default: all linear ones")
    add("--optimizer", choices=("adam", "adamw", "sgd"), default="adam", help="the optimiser")
    for name, kind, default, text in _SETTINGS:
        add(f"--{name}", type=kind, default=default, metavar="N", help=text)
    add("--grad-checkpoint", action="store_true", help="less memory, more time")
    add("--train-on-prompt", action="store_true", help="loss on the prompt as well")
    add("--test", action="store_true", help="measure the loss on test.jsonl afterwards")
    add(
        "--adapter-path",
        type=Path,
        metavar="DIR",
        help="write the adapter there, with its checkpoints, instead of into the registry",
    )
    add(
        "--report",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="DIR",
        help="draw the curves as report.html and report.png, in the adapter's folder or in DIR",
    )
    return parser


_SETTINGS = (
    ("iters", int, 1000, "steps"),
    ("batch-size", int, 4, "examples a step"),
    ("learning-rate", float, 1e-5, "constant"),
    ("max-seq-length", int, 2048, "tokens of an example; what is longer is cut off"),
    ("steps-per-report", int, 10, "steps between two reports of the training loss"),
    ("steps-per-eval", int, 200, "steps between two validations"),
    ("val-batches", int, 25, "batches of a validation; -1 for all"),
    ("save-every", int, 100, "steps between two checkpoints"),
    ("grad-accumulation-steps", int, 1, "batches an update is made of"),
    ("seed", int, 0, "of everything that is drawn"),
)


def _train(options: argparse.Namespace) -> None:
    _check(options)
    settings = load_settings(Path.cwd(), lambda text: print(text, file=sys.stderr))
    # mx.compile loads libraries from TMPDIR: a shared /tmp would be a way in.
    os.environ["TMPDIR"] = str(
        make_private_directory(runtime_paths().temporary, "SQUILL_CACHE_DIR")
    )
    from squill.blas import load_blas

    load_blas()  # before anything imports MLX
    with ExitStack() as stack:
        folder = options.adapter_path
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="adapter-")))
        model = settings.model if options.model is None else options.model
        card, curves = _tuned(options, model, folder)
        if options.adapter_path is None:
            folder = _published(folder, card, curves)
        if options.report is not None:
            _report(folder if options.report == Path() else options.report, card, curves)


def _check(options: argparse.Namespace) -> None:
    smallest = {
        "rank": 1,
        "batch_size": 1,
        "iters": 1,
        "max_seq_length": 2,
        "num_layers": -1,
        "steps_per_report": 1,
        "steps_per_eval": 1,
        "save_every": 1,
        "grad_accumulation_steps": 1,
    }
    for name, least in smallest.items():
        if getattr(options, name) < least:
            raise UsageError(f"--{name.replace('_', '-')} must be {least} or more.")
    if options.num_layers == 0:
        raise UsageError("--num-layers must not be 0: it would train nothing. -1 means all.")
    if not options.data.exists():
        raise UsageError(f"There is no {options.data}. Write it with `squill dataset`.")


def _tuned(options: argparse.Namespace, model: str, folder: Path) -> tuple[AdapterCard, Curves]:
    """The adapter in ``folder``, with its card and curves."""
    from squill_trainer.base_model import load_base
    from squill_trainer.tuning.examples import ExampleEncoder, read_splits
    from squill_trainer.tuning.finetune import Tuning, TuningSettings, add_lora, write_config
    from squill_trainer.tuning.output import seal

    splits = read_splits(options.data)
    print("Loading pretrained model")
    base = load_base(model)
    encoder = ExampleEncoder(base, whole=options.train_on_prompt)
    encoded = {name: encoder.encode(examples) for name, examples in splits.items() if examples}
    lora = _lora(options)
    print(add_lora(base.model, lora))
    settings = TuningSettings(
        **{
            name.replace("-", "_"): getattr(options, name.replace("-", "_"))
            for name, *_ in _SETTINGS
        },
        optimizer=options.optimizer,
        grad_checkpoint=options.grad_checkpoint,
    )
    valid = encoded["valid"].sequences if "valid" in encoded else ()
    say = partial(print, file=sys.stdout, flush=True)  # this one, whatever mlx-lm's is sent to
    tuning = Tuning(base.model, settings, valid, say, folder)
    curves = tuning.run(encoded["train"].sequences)
    write_config(folder, lora)
    if options.test:
        _test(tuning, encoded["test"].sequences if "test" in encoded else (), settings.batch_size)
    figures = _figures(curves)
    card = seal(folder, base, encoded["train"].prompt_format, curves, figures, options.data.name)
    return card, curves


def _lora(options: argparse.Namespace) -> LoraSettings:
    from squill_trainer.learning.lora import LoraSettings

    return LoraSettings(
        rank=options.rank,
        scale=options.scale,
        dropout=options.dropout,
        keys=tuple(key.strip() for key in options.keys.split(",") if key.strip()),
        num_layers=options.num_layers,
        dora=options.fine_tune_type == "dora",
    )


def _test(tuning: object, sequences: Sequence[tuple[list[int], int]], batch_size: int) -> None:
    import math

    from squill_trainer.tuning.finetune import Tuning

    assert isinstance(tuning, Tuning)
    if len(sequences) < batch_size:
        raise UsageError("There are fewer test examples than a batch takes. Lower --batch-size.")
    loss = tuning.evaluate(sequences)
    print(f"Test loss {loss:.3f}, Test ppl {math.exp(loss):.3f}.")


def _figures(curves: Curves) -> dict[str, float]:
    point = curves.last_validation
    found = {
        "loss": curves.last_loss,
        "validation_loss": point.validation if point else None,
        "validation_accuracy": point.accuracy if point else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _published(folder: Path, card: AdapterCard, curves: Curves) -> Path:
    from squill.adapters import user_registry
    from squill_trainer.tuning.curves import CURVES

    registry = user_registry()
    published = registry.publish(
        folder,
        base=card.base,
        prompt_format=card.prompt_format,
        figures=card.figures,
        note=card.note,
    )
    registry.attach(published.digest, CURVES, json.dumps(curves.to_json()).encode())
    print(f"adapter {published.digest[:12]}: `squill ask --adapter {published.digest[:12]} …`")
    return registry.folder(published.digest)


def _report(folder: Path, card: AdapterCard, curves: Curves) -> None:
    from squill_trainer.tuning.report import write_report

    folder.mkdir(parents=True, exist_ok=True)
    for path in write_report(folder, curves, f"adapter {card.digest[:12]}"):
        print(path)
