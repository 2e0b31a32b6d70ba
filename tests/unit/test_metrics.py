"""The daemon's figures: what is counted, and what a figure of nothing is."""

from __future__ import annotations

import pytest

from squill_daemon.engine import Answer, Milliseconds, Tokens
from squill_daemon.metrics import RECENT, Metrics, percentile


def answer(total: float = 1.0, **tokens: int) -> Answer:
    times, counts = Milliseconds(total=total), Tokens(**tokens)
    return Answer((), "", "sqlite", "default", "m", milliseconds=times, tokens=counts)


def test_without_answers_times_and_rates_are_unknown_not_zero():
    assert Metrics().figures() == {
        "answers": {
            "count": 0,
            "p50_ms": None,
            "p95_ms": None,
            "generated_tokens": 0,
            "forced_tokens": 0,
        },
        "cache": {"prompt_tokens": 0, "cached_tokens": 0, "hit_rate": None},
        "cancelled": 0,
        "errors": {},
    }


def test_tokens_add_up_over_answers():
    metrics = Metrics()
    metrics.answered(answer(prompt=100, cached=0, generated=20, forced=5))
    metrics.answered(answer(prompt=100, cached=80, generated=10, forced=6))
    figures = metrics.figures()
    assert figures["cache"] == {"prompt_tokens": 200, "cached_tokens": 80, "hit_rate": 0.4}
    assert figures["answers"]["generated_tokens"] == 30
    assert figures["answers"]["forced_tokens"] == 11


def test_answers_without_a_prompt_have_no_hit_rate():
    metrics = Metrics()
    metrics.answered(answer())
    assert metrics.figures()["cache"]["hit_rate"] is None


def test_the_percentiles_are_of_the_last_hundred_and_the_count_of_all():
    metrics = Metrics()
    for total in [9999.0] * 50 + [float(n) for n in range(1, RECENT + 1)]:
        metrics.answered(answer(total))
    answers = metrics.figures()["answers"]
    assert (answers["count"], answers["p50_ms"], answers["p95_ms"]) == (150, 50.0, 95.0)


def test_errors_are_counted_by_code_and_cancels_apart():
    metrics = Metrics()
    for code in ("schema", "daemon_busy", "schema"):
        metrics.failed(code)
    metrics.cancelled()
    figures = metrics.figures()
    assert figures["errors"] == {"schema": 2, "daemon_busy": 1}
    assert figures["cancelled"] == 1
    assert figures["answers"]["count"] == 0


def test_figures_are_a_copy():
    metrics = Metrics()
    metrics.figures()["errors"]["schema"] = 7
    assert metrics.figures()["errors"] == {}


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([3.0], 50, 3.0),
        ([3.0], 95, 3.0),
        ([3.0], 0, 3.0),
        ([2.0, 1.0], 50, 1.0),
        ([2.0, 1.0], 51, 2.0),
        ([15.0, 20.0, 35.0, 40.0, 50.0], 30, 20.0),  # the nearest-rank example of Wikipedia
        ([15.0, 20.0, 35.0, 40.0, 50.0], 100, 50.0),
    ],
)
def test_a_percentile_is_by_nearest_rank(values, percent, expected):
    assert percentile(values, percent) == expected
