"""Questions on one table; a maker returns None where the table has no column of its kind."""

from __future__ import annotations

from squill.prompt.words import identifier_words
from squill_trainer.pretrain.synthesis.conditions import conditional
from squill_trainer.pretrain.synthesis.drawing import (
    COUNT_VALUES,
    COUNTS,
    DATE,
    Drawer,
    Question,
    listed,
    literal,
    plain,
    quoted,
    words,
)


def _project(draw: Drawer) -> Question | None:
    columns = draw.columns(plain, draw.rng.randint(1, min(4, len(draw.table.columns))))
    if columns is None:
        return None
    verb = draw.pick("Query", "List", "Show", "Get", "Find", "Return", "Give me", "Select", "Fetch")
    ending = draw.pick(f" of all {draw.noun()}", f" of {draw.noun()}", f" for every {draw.noun()}")
    extra = draw.pick("", "", "the ", "information such as ")
    subject = f"{verb} {extra}{listed(columns, draw.rng)}{draw.pick('', ending)}"
    subject += ", etc" if extra.startswith("information") and draw.rng.random() < 0.5 else ""
    picked = ", ".join(quoted(c.name) for c in columns)
    narrowed = conditional(draw, subject) if draw.rng.random() < 0.7 else None
    text, where = narrowed or (subject, "")
    return Question(text, f"SELECT {picked} FROM {draw.name}{where}")


def _about(draw: Drawer) -> Question | None:
    """What a row called so-and-so has in other columns."""
    label = draw.label()
    if label is None:
        return None
    value = draw.value(label)
    columns = draw.columns(plain, draw.rng.randint(1, min(3, len(draw.table.columns))))
    if columns is None:
        return None
    names = listed(columns, draw.rng)
    text = draw.pick(
        f"What is {value}'s {names}?",
        f"What is the {names} of {value}?",
        f"Query {value}'s {names}",
        f"Query {value}'s {names} information.",
        f"Show {value}'s {names}",
        f"{value}'s {names}",
        f"{names} of {value}",
        f"Tell me the {names} for {value}",
        f"Which {names} did {value} come from?",
        f"Which {names} does {value} have?",
        f"Which {names} is {value} in?",
        f"Find the {names} that {value} has",
    )
    picked = ", ".join(quoted(c.name) for c in columns)
    return Question(
        text, f"SELECT {picked} FROM {draw.name} WHERE {quoted(label.name)} = {literal(value)}"
    )


_MEASURES = {
    "age": ("How old is {0}?", "how old is {0}"),
    "height": ("How tall is {0}?", "how tall is {0}"),
    "weight": ("How heavy is {0}?", "how much does {0} weigh"),
    "price": ("How much does {0} cost?", "how expensive is {0}"),
    "salary": ("How much does {0} earn?", "what does {0} earn"),
    "population": ("How many people live in {0}?", "how many inhabitants does {0} have"),
    "length": ("How long is {0}?", "how long is {0}"),
}


def _measure(draw: Drawer) -> Question | None:
    label = draw.label()
    fitting = [c for c in draw.table.columns if set(identifier_words(c.name)) & set(_MEASURES)]
    if label is None or not fitting:
        return None
    column, value = draw.rng.choice(fitting), draw.value(label)
    key = next(w for w in identifier_words(column.name) if w in _MEASURES)
    text = draw.pick(*_MEASURES[key]).format(value)
    where = f"{quoted(label.name)} = {literal(value)}"
    return Question(text, f"SELECT {quoted(column.name)} FROM {draw.name} WHERE {where}")


def _everything(draw: Drawer) -> Question | None:
    label = draw.label()
    if label is not None and draw.rng.random() < 0.6:
        value = draw.value(label)
        text = draw.pick(
            f"Query all information about {value}.",
            f"Show everything about {value}",
            f"Give all details of {value}",
            f"all data on {value}",
        )
        where = f" WHERE {quoted(label.name)} = {literal(value)}"
        return Question(text, f"SELECT * FROM {draw.name}{where}")
    subject = draw.pick(
        f"Show all {draw.noun()}", f"List all {draw.noun()}", f"all {draw.noun()}",
        f"Query all information about the {draw.noun()}", f"everything in {draw.noun()}",
    )  # fmt: skip
    narrowed = conditional(draw, subject) if draw.rng.random() < 0.6 else None
    text, where = narrowed or (subject, "")
    return Question(text, f"SELECT * FROM {draw.name}{where}")


def _count(draw: Drawer) -> Question | None:
    noun = draw.noun()
    column = draw.text()
    if column is not None and draw.rng.random() < 0.5:
        value = draw.value(column)
        text = draw.pick(
            f"Count how many {noun} there are in {value} {words(column)}",
            f"Count the {noun} with {words(column)} {value}",
            f"How many {noun} are in the {value} {words(column)}?",
            f"How many {noun} have {value} as {words(column)}?",
            f"number of {noun} in {words(column)} {value}",
            f"Count how many {noun} there are in {words(column)} {draw.amount()}. "
            f"(The value for {words(column)} is {value}.)",
            f"How many {noun} are there in that {words(column)}? ({words(column)} is {value})",
        )
        where = f" WHERE {quoted(column.name)} = {literal(value)}"
        return Question(text, f"SELECT COUNT(*) FROM {draw.name}{where}")
    subject = draw.pick(
        f"How many {noun} are there", f"Count the {noun}", f"number of {noun}", f"How many {noun}"
    )
    narrowed = conditional(draw, subject) if draw.rng.random() < 0.7 else None
    text, where = narrowed or (subject, "")
    return Question(text, f"SELECT COUNT(*) FROM {draw.name}{where}")


def _explained(draw: Drawer) -> Question | None:
    """What a value is called, and in brackets what the table has in its place."""
    column = draw.text()
    if column is None:
        return None
    noun, named = draw.noun(), words(column)
    said, value = draw.value(column), draw.value(column)
    asked, shown = draw.rng.choice(
        (
            ("Count how many {} there are", "COUNT(*)"), ("How many {}", "COUNT(*)"),
            ("List all {}", "*"), ("Show the {}", "*"),
        )
    )  # fmt: skip
    told = draw.pick(
        f"in {said} {named}. (The value for {said} {named} is {value}.)",
        f"with {named} {said}. (The value for {said} is {value}.)",
        f"in {said} {named} ({said} {named} is {value})",
        f"that are {said} ({said} refers to {named} = '{value}')",
        f"of {named} {said}; {said} means {value}",
    )
    where = f" WHERE {quoted(column.name)} = {literal(value)}"
    return Question(f"{asked.format(noun)} {told}", f"SELECT {shown} FROM {draw.name}{where}")


def _aggregate(draw: Drawer) -> Question | None:
    column = draw.number()
    if column is None:
        return None
    function, said = draw.rng.choice(
        (
            ("AVG", "average"), ("AVG", "mean"), ("SUM", "total"), ("SUM", "sum of"),
            ("MAX", "highest"), ("MAX", "maximum"), ("MAX", "largest"),
            ("MIN", "lowest"), ("MIN", "minimum"), ("MIN", "smallest"),
        )
    )  # fmt: skip
    subject = draw.pick("What is the ", "Find the ", "", "Show the ") + f"{said} {words(column)}"
    subject += draw.pick("", f" of all {draw.noun()}", f" of {draw.noun()}")
    narrowed = conditional(draw, subject) if draw.rng.random() < 0.5 else None
    text, where = narrowed or (subject, "")
    return Question(text, f"SELECT {function}({quoted(column.name)}) FROM {draw.name}{where}")


def _order(draw: Drawer) -> tuple[str, str] | None:
    column = draw.number() or draw.text()
    if column is None:
        return None
    direction, said = draw.rng.choice(
        (
            (" DESC", "from highest to lowest {}"), (" DESC", "by {} descending"),
            (" DESC", "with the highest {} first"), (" DESC", "in descending order of {}"),
            ("", "by {}"), ("", "sorted by {}"), ("", "ordered by {}"), ("", "by {} ascending"),
            ("", "in alphabetical order of {}"), ("", "with the lowest {} first"),
        )
    )  # fmt: skip
    return said.format(words(column)), f" ORDER BY {quoted(column.name)}{direction}"


def _top(draw: Drawer) -> Question | None:
    label, number = draw.label(), draw.number()
    if label is None or number is None:
        return None
    count = draw.pick(*COUNTS)
    direction, said = draw.rng.choice(
        (
            (" DESC", "top {n} {noun} by {col}"), (" DESC", "the {n} {noun} with the most {col}"),
            (" DESC", "the {n} {noun} with the highest {col}"),
            (" DESC", "{n} largest {noun} by {col}"),
            ("", "the {n} {noun} with the lowest {col}"), ("", "bottom {n} {noun} by {col}"),
            ("", "the {n} {noun} with the least {col}"),
        )
    )  # fmt: skip
    text = draw.pick("", "Show ", "List ", "Find ") + said.format(
        n=count, noun=draw.noun(), col=words(number)
    )
    picked = draw.pick(quoted(label.name), f"{quoted(label.name)}, {quoted(number.name)}")
    text += f", with {words(number)}" if "," in picked else ""
    limit = COUNT_VALUES.get(count) or count
    order = f"ORDER BY {quoted(number.name)}{direction} LIMIT {limit}"
    return Question(text, f"SELECT {picked} FROM {draw.name} {order}")


def _extreme(draw: Drawer) -> Question | None:
    label, number = draw.label(), draw.number()
    if label is None or number is None:
        return None
    direction, said = draw.rng.choice(((" DESC", "highest"), (" DESC", "most"), ("", "lowest")))
    text = draw.pick(
        f"Which {words(label)} has the {said} {words(number)}?",
        f"{words(label)} with the {said} {words(number)}",
        f"What is the {words(label)} of the {draw.noun()} with the {said} {words(number)}?",
    )
    order = f"ORDER BY {quoted(number.name)}{direction} LIMIT 1"
    return Question(text, f"SELECT {quoted(label.name)} FROM {draw.name} {order}")


def _sorted_list(draw: Drawer) -> Question | None:
    order, columns = _order(draw), draw.columns(plain, draw.rng.randint(1, 2))
    if order is None or columns is None:
        return None
    verb = draw.pick("List the", "Show", "Give the", "")
    text = f"{verb} {listed(columns, draw.rng)} of all {draw.noun()} {order[0]}".strip()
    picked = ", ".join(quoted(c.name) for c in columns)
    return Question(text, f"SELECT {picked} FROM {draw.name}{order[1]}")


def _grouped(draw: Drawer) -> Question | None:
    column, number, noun = draw.text(), draw.number(), draw.noun()
    if column is None:
        return None
    name = quoted(column.name)
    if number is not None and draw.rng.random() < 0.5:
        function, said = draw.rng.choice((("AVG", "average"), ("SUM", "total"), ("MAX", "highest")))
        subject, value = f"{said} {words(number)}", f"{function}({quoted(number.name)})"
    else:
        subject, value = draw.pick(f"number of {noun}", f"how many {noun}", "count"), "COUNT(*)"
    text = draw.pick("", "Show the ", "Find ", "What is the ") + subject
    text += draw.pick(" per ", " for each ", " by ", " in each ", " grouped by ") + words(column)
    ending = ""
    if draw.rng.random() < 0.3:
        amount = draw.amount()
        text += draw.pick(f", only those over {amount}", f" where that is more than {amount}")
        ending = f" HAVING {value} > {amount}"
    if draw.rng.random() < 0.3:
        text += draw.pick(", highest first", " in descending order", ", most first")
        ending += f" ORDER BY {value} DESC"
    return Question(text, f"SELECT {name}, {value} FROM {draw.name} GROUP BY {name}{ending}")


def _distinct(draw: Drawer) -> Question | None:
    column = draw.text()
    if column is None:
        return None
    name = quoted(column.name)
    if draw.rng.random() < 0.4:
        text = draw.pick(
            f"How many different {words(column)} are there?", f"number of distinct {words(column)}"
        )
        return Question(text, f"SELECT COUNT(DISTINCT {name}) FROM {draw.name}")
    text = draw.pick("What are the different {}?", "distinct {}", "list all unique {} values")
    return Question(text.format(words(column)), f"SELECT DISTINCT {name} FROM {draw.name}")


def _dated(draw: Drawer) -> Question | None:
    dates = draw.columns(lambda c: bool(DATE.search(c.type)))
    if not dates:
        return None
    column, noun = quoted(dates[0].name), draw.noun()
    year = draw.rng.randint(1990, 2030)
    said, where = draw.rng.choice(
        (
            ("this year", f"STRFTIME('%Y', {column}) = STRFTIME('%Y', 'now')"),
            (f"in {year}", f"STRFTIME('%Y', {column}) = '{year}'"),
            (f"since {year}-01-01", f"{column} >= '{year}-01-01'"),
            (f"before {year}-06-30", f"{column} < '{year}-06-30'"),
            (f"after {year}-03-15", f"{column} > '{year}-03-15'"),
        )
    )
    said = draw.pick("", f"with {words(dates[0])} ") + said
    if draw.rng.random() < 0.5:
        text = draw.pick("How many {} {}?", "count of {} {}", "number of {} {}").format(noun, said)
        return Question(text, f"SELECT COUNT(*) FROM {draw.name} WHERE {where}")
    text = draw.pick("all {} {}", "Show {} {}", "List the {} {}").format(noun, said)
    return Question(text, f"SELECT * FROM {draw.name} WHERE {where}")


MAKERS = (
    _project, _project, _about, _about, _about, _measure, _measure, _everything, _count, _count,
    _explained, _explained, _explained, _aggregate, _top, _extreme, _sorted_list, _grouped,
    _distinct, _dated, _dated,
)  # fmt: skip
"""Each as often as it is listed."""
