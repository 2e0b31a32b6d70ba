"""An evaluation as one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from squill_trainer.evaluation.figures import percentile
from squill_trainer.evaluation.svg import Bar, bars, histogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from squill_trainer.evaluation.verdicts import Verdict

SHARES = {
    "answered": "answered",
    "parses": "parses",
    "binds": "binds",
    "exact": "exact match",
    "execution": "execution",
}

_STYLE = """
:root { color-scheme: light dark; --bar: #7aa6da; --inner: #2f5f9e; --ink: CanvasText; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: right; padding: .2rem .8rem; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 2rem 0; } figcaption { font-weight: 600; margin-bottom: .4rem; }
svg { width: 100%; max-width: 46rem; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } .bar { fill: var(--bar); } .inner { fill: var(--inner); }
.whisker { stroke: var(--ink); fill: none; }
details { margin: .4rem 0; } dl { margin: .6rem 0 .6rem 1rem; } dt { font-weight: 600; }
dd { margin: 0 0 0 1rem; } code { white-space: pre-wrap; overflow-wrap: anywhere; }
"""


def page(title: str, found: Mapping[str, Any], verdicts: Sequence[Verdict]) -> str:
    """The whole page. ``found`` is what `figures` gave for the verdicts."""
    parts = [
        f"<h1>{escape(title)}</h1>",
        _identity(found),
        _table(found),
        *_plots(found, verdicts),
        "<h2>Wrong answers</h2>",
        *_wrong(verdicts),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _identity(found: Mapping[str, Any]) -> str:
    run = found["run"]
    said = [
        f"model {run['model']} ({run['digest'][:12]})",
        f"adapter {run['adapter'][:12]}" if run["adapter"] else "no adapter",
        "with the grammar" if run["constrained"] else "without the grammar",
        run["device"],
        f"Squill {run['version']}",
    ]
    text = f"<p>{escape(', '.join(part for part in said if part))}.</p>"
    for reason, count in found["left_out"].items():
        text += f"<p>{count} left out of execution: {escape(reason)}.</p>"
    return text


def _table(found: Mapping[str, Any]) -> str:
    columns = {"all": found["overall"], **found["classes"]}
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    rows = [_row("questions", [str(part["questions"]) for part in columns.values()])]
    rows += [
        _row(label, [percent(part[key]) for part in columns.values()])
        for key, label in SHARES.items()
    ]
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>{_times(found)}"


def _row(label: str, cells: Sequence[str]) -> str:
    return f"<tr><td>{label}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def percent(share: Mapping[str, Any] | None) -> str:
    return "-" if share is None else f"{100 * share['share']:.1f} %"


def _times(found: Mapping[str, Any]) -> str:
    times, tokens = found["milliseconds"], found["tokens"]
    if not times or not tokens:
        return ""
    return (
        f"<p>{times['p50']:.0f} ms median, {times['p95']:.0f} ms 95th percentile; "
        f"{tokens['prompt']:.0f} prompt tokens and {tokens['generated']:.0f} generated ones "
        "a question.</p>"
    )


def _plots(found: Mapping[str, Any], verdicts: Sequence[Verdict]) -> Iterator[str]:
    parts = {"all": found["overall"], **found["classes"]}
    for key, label in (("execution", "Execution accuracy"), ("exact", "Exact match")):
        rows = [_share_bar(name, part[key]) for name, part in parts.items() if part[key]]
        if rows:
            yield bars(f"{label}, with 95 % intervals", rows)
    if errors := found["errors"]:
        most = max(counts["any"] for counts in errors.values())
        rows = [
            Bar(kind, n["any"] / most, f"{n['any']}, alone {n['alone']}", inner=n["alone"] / most)
            for kind, n in sorted(errors.items(), key=lambda item: -item[1]["any"])
        ]
        yield bars("Kinds of error among wrong answers (dark: the only one)", rows)
    times = [t for v in verdicts if (t := v.prediction.milliseconds) > 0]
    if times:
        yield histogram("Time for an answer", times, "ms", 1.5 * percentile(times, 95))


def _share_bar(name: str, share: Mapping[str, Any]) -> Bar:
    text = f"{percent(share)} of {share['of']}"
    return Bar(name, share["share"], text, share["low"], share["high"])


def _wrong(verdicts: Sequence[Verdict]) -> Iterator[str]:
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if not verdict.right:
            groups.setdefault(" + ".join(verdict.kinds), []).append(verdict)
    for kinds, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        inner = "".join(map(_answer, group))
        yield f"<details><summary>{escape(kinds)}: {len(group)}</summary>{inner}</details>"


def _answer(verdict: Verdict) -> str:
    said = verdict.prediction.sql or f"no answer: {verdict.prediction.refused}"
    lines = {"wanted": verdict.question.sql, "given": said, "database": verdict.error}
    details = "".join(
        f"<dd>{name}: <code>{escape(text)}</code></dd>" for name, text in lines.items() if text
    )
    name = f"{verdict.question.question} ({verdict.question.db_id}, {verdict.question.id})"
    return f"<dl><dt>{escape(name)}</dt>{details}</dl>"
