"""Conditions in words and in SQL."""

from __future__ import annotations

from squill_trainer.pretrain.synthesis.drawing import Drawer, literal, quoted, words


def _equals(draw: Drawer) -> tuple[str, str] | None:
    column = draw.text()
    if column is None:
        return None
    value = draw.value(column)
    said = draw.pick(
        f"the {words(column)} is {value}",
        f"the {words(column)} is equal to {value}",
        f"{words(column)} is '{value}'",
        f"{words(column)} {value}",
        f"whose {words(column)} is {value}",
    )
    return said, f"{quoted(column.name)} = {literal(value)}"


def _differs(draw: Drawer) -> tuple[str, str] | None:
    column = draw.text()
    if column is None:
        return None
    value = draw.value(column)
    said = draw.pick(f"{words(column)} is not {value}", f"the {words(column)} differs from {value}")
    return said, f"{quoted(column.name)} <> {literal(value)}"


def _compares(draw: Drawer) -> tuple[str, str] | None:
    column, amount = draw.number(), draw.amount()
    if column is None:
        return None
    sign, said = draw.rng.choice(
        (
            (">", "is greater than"),
            (">", "is more than"),
            (">", "is over"),
            (">", "above"),
            (">=", "is at least"),
            ("<", "is less than"),
            ("<", "is below"),
            ("<", "under"),
            ("<=", "is at most"),
            ("=", "is"),
            ("=", "of"),
        )
    )
    text = f"{draw.pick('the ', '')}{words(column)} {said} {amount}"
    return text, f"{quoted(column.name)} {sign} {amount}"


def _contains(draw: Drawer) -> tuple[str, str] | None:
    column = draw.text()
    if column is None:
        return None
    value = draw.value(column)
    before, after, said = draw.rng.choice(
        (
            ("%", "%", "contains"),
            ("%", "%", "includes"),
            ("", "%", "starts with"),
            ("%", "", "ends with"),
        )
    )
    pattern = literal(f"{before}{value}{after}")
    return f"the {words(column)} {said} {value}", f"{quoted(column.name)} LIKE {pattern}"


def _between(draw: Drawer) -> tuple[str, str] | None:
    column = draw.number()
    if column is None:
        return None
    low, high = sorted((draw.amount(), draw.amount()))
    said = f"{words(column)} is between {low} and {high}"
    return said, f"{quoted(column.name)} BETWEEN {low} AND {high}"


def _missing(draw: Drawer) -> tuple[str, str] | None:
    column = draw.text()
    if column is None:
        return None
    if draw.rng.random() < 0.5:
        said = draw.pick(f"no {words(column)} is known", f"{words(column)} is missing")
        return said, f"{quoted(column.name)} IS NULL"
    return f"the {words(column)} is known", f"NOT {quoted(column.name)} IS NULL"


_MAKERS = (_equals, _equals, _compares, _contains, _between, _missing, _differs)


def _condition(draw: Drawer) -> tuple[str, str] | None:
    """Words and SQL of one condition."""
    return draw.rng.choice(_MAKERS)(draw)


def _where(draw: Drawer) -> tuple[str, str] | None:
    first = _condition(draw)
    if first is None or draw.rng.random() < 0.6:
        return first
    second = _condition(draw)
    if second is None or second[1].split()[0] == first[1].split()[0]:
        return first
    word, sign = draw.rng.choice((("and", "AND"), ("and", "AND"), ("or", "OR")))
    return f"{first[0]} {word} {second[0]}", f"{first[1]} {sign} {second[1]}"


def conditional(draw: Drawer, subject: str) -> tuple[str, str] | None:
    """``subject`` narrowed by a condition, in one of several wordings, and the WHERE clause."""
    where = _where(draw)
    if where is None:
        return None
    said, sql = where
    said = said.removeprefix("whose ")
    text = draw.pick(
        f"{subject} where {said}",
        f"{subject} whose {said}",
        f"{subject} when {said}",
        f"{subject}. The condition is that {said}",
        f"{subject} if {said}",
        f"{subject} with {said}",
    )
    return text, f" WHERE {sql}"
