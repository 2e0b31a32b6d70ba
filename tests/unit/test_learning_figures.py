"""The learning benchmark's table, goals and pictures, from figures that are known."""

from __future__ import annotations

import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from learning_figures import Course, Step, goals, table
from learning_measure import Verdict
from learning_plot import HEIGHT, WIDTH, save_plot
from learning_store import load, save


def course(name: str, before: float, after: float, canary: float = 0.8) -> Course:
    first = Step(0, "", before, 0.8, 0.5, None)
    return Course(name, (first, Step(30, "f" * 64, after, canary, 0.75, 95.4, 61.2)))


COURSES = (course("hotel", 0.0, 0.8), course("plant", 0.1, 0.7, canary=0.7))


def test_the_last_row_is_the_mean() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table(COURSES).split("\n")]
    assert rows[2] == ["hotel", "0.0", "80.0", "80.0", "80.0", "50.0", "75.0", "95", "61"]
    assert rows[4] == ["mean", "5.0", "75.0", "80.0", "75.0", "50.0", "75.0", "95", "61"]


def test_what_was_measured_is_taken_up_only_with_the_same_model(tmp_path: Path) -> None:
    path, about = tmp_path / "courses.json", {"model": "m", "sizes": [30]}
    assert load(path, about) == []
    step = replace(COURSES[0].steps[1], verdicts=(Verdict("q", "g", None, right=False),))
    kept = [Course("hotel", (COURSES[0].steps[0], step))]
    save(kept, path, about)
    assert load(path, about) == kept
    assert load(path, about | {"model": "other"}) == []


def test_goals_are_judged_on_the_means() -> None:
    assert [met for _, met in goals(COURSES)] == [True, True, False, True]
    assert [met for _, met in goals(COURSES[:1])] == [True, True, True, True]
    assert [met for _, met in goals([course("hotel", 0.3, 0.6)])] == [False, False, True, True]


def test_without_training_only_the_start_is_judged() -> None:
    untaught = [Course("hotel", COURSES[0].steps[:1])]
    assert [met for _, met in goals(untaught)] == [True]
    assert "hotel" in table(untaught)


def test_the_svg_shows_every_business(tmp_path: Path) -> None:
    save_plot(COURSES, tmp_path / "plot.svg")
    root = ElementTree.parse(tmp_path / "plot.svg").getroot()
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert {"hotel", "plant", "mean", "canary", "0", "30", "100 %"} <= texts


def test_the_png_is_whole_and_not_blank(tmp_path: Path) -> None:
    save_plot(COURSES, tmp_path / "plot.png")
    data = (tmp_path / "plot.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (2 * WIDTH, 2 * HEIGHT)
    length = struct.unpack(">I", data[33:37])[0]
    pixels = zlib.decompress(data[41 : 41 + length])
    assert len(pixels) == height * (1 + 3 * width)
    assert len(set(pixels)) > 50
