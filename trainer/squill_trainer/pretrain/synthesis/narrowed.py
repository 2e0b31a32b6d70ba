"""Questions that narrow a table down in few words: "bikes cheaper than 600", "people in Berlin"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill_trainer.pretrain.synthesis.drawing import Question, is_number, is_text, literal, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.schema import Column, Table
    from squill_trainer.pretrain.synthesis.drawing import Drawer

# By the column: wordings of "more than" and of "less than"; {0} is the amount.
_BY_AMOUNT = {
    "age": (("older than {0}", "over {0}", "above {0}"), ("younger than {0}", "under {0}")),
    "height": (("taller than {0}", "over {0}"), ("shorter than {0}", "smaller than {0}")),
    "weight": (("heavier than {0}", "weighing over {0}"), ("lighter than {0}",)),
    "salary": (
        ("earning more than {0}", "who earn over {0}", "paid more than {0}"),
        ("earning less than {0}", "who earn under {0}", "paid less than {0}"),
    ),
    "price": (
        ("more expensive than {0}", "over {0}", "costing more than {0}", "that cost over {0}"),
        ("cheaper than {0}", "under {0}", "costing less than {0}", "that cost under {0}"),
    ),
    "amount": (
        ("over {0}", "above {0}", "of more than {0}"),
        ("under {0}", "below {0}", "of less than {0}"),
    ),
    "total": (("over {0}", "above {0}"), ("under {0}", "below {0}")),
    "cost": (("that cost more than {0}", "over {0}"), ("that cost less than {0}", "under {0}")),
    "duration": (("longer than {0}", "of more than {0}"), ("shorter than {0}",)),
    "quantity": (("of more than {0}",), ("of fewer than {0}",)),
    "nights": (("longer than {0} nights",), ("shorter than {0} nights",)),
    "score": (("over {0}", "above {0}", "better than {0}"), ("under {0}", "worse than {0}")),
    "population": (
        ("with more than {0} inhabitants", "with over {0} people"),
        ("with fewer than {0} inhabitants", "with less than {0} people"),
    ),
    "year": (("after {0}", "newer than {0}"), ("before {0}", "older than {0}")),
    "stock": (("with more than {0} in stock",), ("with fewer than {0} in stock",)),
    "area": (("larger than {0}", "bigger than {0}"), ("smaller than {0}",)),
    "rating": (("rated above {0}", "better than {0}"), ("rated below {0}", "worse than {0}")),
    "length": (("longer than {0}", "over {0} long"), ("shorter than {0}",)),
}
# By the column: wordings of "is"; {0} is the value.
_BY_VALUE = {
    "city": ("in {0}", "from {0}", "living in {0}", "who live in {0}", "based in {0}"),
    "country": ("in {0}", "from {0}", "that come from {0}"),
    "school": ("from {0}", "at {0}", "going to {0}"),
    "grade": ("in {0}", "in grade {0}"),
    "department": ("in {0}", "working in {0}", "from the {0} department"),
    "team": ("in {0}", "playing for {0}", "of {0}"),
    "author": ("by {0}", "written by {0}"),
    "director": ("by {0}", "directed by {0}"),
    "category": ("in {0}", "of the category {0}", "filed under {0}"),
    "status": ("that are {0}", "with status {0}", "which are {0}"),
    "method": ("by {0}", "paid by {0}"),
    "mechanic": ("by {0}", "done by {0}"),
    "subject": ("in {0}",),
    "owner": ("of {0}", "owned by {0}", "belonging to {0}"),
}


def narrowing_columns(table: Table) -> list[Column]:
    """Those of the table that this module has wordings for."""
    return [
        column
        for column in table.columns
        if (column.name in _BY_AMOUNT and is_number(column))
        or (column.name in _BY_VALUE and is_text(column))
    ]


def narrowed(draw: Drawer, columns: Sequence[Column], label: Column | None) -> Question:
    """``columns``: at least one of `narrowing_columns`; ``label``: what rows are called by."""
    chosen = draw.rng.sample(columns, 2 if len(columns) > 1 and draw.rng.random() < 0.2 else 1)
    parts = [condition(draw, column) for column in chosen]
    said = draw.pick(" ", " and ").join(said for said, _ in parts)
    where = f"FROM {draw.name} WHERE {' AND '.join(sql for _, sql in parts)}"
    noun, kind = draw.noun(), draw.rng.random()
    if kind < 0.25:
        text = draw.pick("How many {} {}?", "number of {} {}", "count {} {}", "how many {} {}")
        return Question(text.format(noun, said), f"SELECT COUNT(*) {where}")
    if kind < 0.55 and label:
        text = draw.pick(
            "names of {} {}", "Which {} are {}?", "the names of all {} {}", "name the {} {}"
        )
        return Question(text.format(noun, said), f"SELECT {quoted(label.name)} {where}")
    text = draw.pick("{} {}", "{} {}", "all {} {}", "Show {} {}", "List {} {}", "find the {} {}")
    return Question(text.format(noun, said), f"SELECT * {where}")


def condition(draw: Drawer, column: Column) -> tuple[str, str]:
    """Words and SQL of one condition on one of the `narrowing_columns`; the SQL begins with
    the column's name.
    """
    if column.name in _BY_VALUE:
        value = draw.value(column)
        said = draw.rng.choice(_BY_VALUE[column.name]).format(value)
        return said, f"{quoted(column.name)} = {literal(value)}"
    more, less = _BY_AMOUNT[column.name]
    wordings, sign = draw.rng.choice(((more, ">"), (less, "<")))
    amount = draw.rng.randint(1950, 2030) if column.name == "year" else draw.amount()
    return draw.rng.choice(wordings).format(amount), f"{quoted(column.name)} {sign} {amount}"
