"""Slots to SQL: the inverse of `squill.prompt.slots.target`."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from squill.errors import NoValidAnswerError
from squill.prompt.slots.vocabulary import NUMERIC, TEXTUAL, type_marker
from squill.quoting import identifier

if TYPE_CHECKING:
    from squill.prompt.slots.numbering import Numbering
    from squill.schema import Table

_SPAN = re.compile(r"<w(\d+)><w(\d+)>")
_SLOT = re.compile(r"<([tcaw])(\d+)>")
_UNFINISHED = re.compile(r"(?<!>)<w\d+>$")
"""A span whose last word is still to come; slots are single tokens and never cut."""
_COMPARED = re.compile(r"<c(\d+)> (=|<>|>=|<=|>|<) ('?)(<w\d+><w\d+>)\3(?!')")
"""A column beside a literal that is a span and nothing else."""
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_PLACEHOLDER = re.compile(r"^squill_([tca])(\d+)$")


def to_sql(target: str, numbering: Numbering, *, read: str, write: str) -> str:
    """One statement in dialect ``write``.

    Raises:
        NoValidAnswerError: it does not parse, names a slot that the prompt did not show, or
            uses a column of a table that is not in scope.
    """
    try:
        tree = sqlglot.parse_one(_fill(_typed(target, numbering), numbering), dialect=read)
    except (SqlglotError, RecursionError) as error:
        raise NoValidAnswerError(f"The model's answer does not parse: {target!r}") from error
    if not isinstance(tree, exp.Query):
        raise NoValidAnswerError(f"The model's answer is not a query: {target!r}")
    speller = _Speller(tree, numbering, write)
    for column in list(tree.find_all(exp.Column)):
        speller.spell_column(column)
    for table in list(tree.find_all(exp.Table)):
        speller.spell_table(table)
    return tree.sql(dialect=write, comments=False)


def to_preview(written: str, numbering: Numbering) -> str:
    """An unfinished target with its slots spelled out, up to the last one that is complete."""
    complete = _UNFINISHED.sub("", written)
    spelled = _SPAN.sub(lambda m: numbering.span(int(m[1]), int(m[2])) or "", complete)
    return _SLOT.sub(lambda m: _name(m, numbering), spelled)


def _name(match: re.Match[str], numbering: Numbering) -> str:
    number = int(match[2])
    if match[1] == "t":
        table = numbering.table(number)
        return table.name if table else ""
    if match[1] == "c":
        found = numbering.column(number)
        return found[1].name if found else ""
    return f"t{number}"


def _typed(target: str, numbering: Numbering) -> str:
    """Literals in the type of the column that they are compared with: quoted for a text."""

    def compared(match: re.Match[str]) -> str:
        found = numbering.column(int(match[1]))
        marker = type_marker(found[1]) if found else ""
        quote = match[3]
        if marker == TEXTUAL:
            quote = "'"
        elif marker == NUMERIC and _is_number(_SPAN.sub(lambda m: _span(m, numbering), match[4])):
            quote = ""
        return f"<c{match[1]}> {match[2]} {quote}{match[4]}{quote}"

    return _COMPARED.sub(compared, target)


def _is_number(text: str) -> bool:
    return not _number(text).startswith("'")


def _fill(target: str, numbering: Numbering) -> str:
    """Spans become text; the other slots become identifiers that a parser takes."""

    def inside_literal(match: re.Match[str]) -> str:
        return _SPAN.sub(lambda m: _span(m, numbering).replace("'", "''"), match.group())

    parts = []
    position = 0
    for literal in _LITERAL.finditer(target):
        parts.append(_fill_code(target[position : literal.start()], numbering))
        parts.append(inside_literal(literal))
        position = literal.end()
    parts.append(_fill_code(target[position:], numbering))
    return "".join(parts)


def _fill_code(code: str, numbering: Numbering) -> str:
    code = _SPAN.sub(lambda m: _number(_span(m, numbering)), code)
    return _SLOT.sub(lambda m: f"squill_{m[1]}{m[2]}", code)


def _span(match: re.Match[str], numbering: Numbering) -> str:
    text = numbering.span(int(match[1]), int(match[2]))
    if text is None:
        raise NoValidAnswerError(f"The model named words that the question lacks: {match.group()}")
    if _is_possessive(match, numbering):
        raise NoValidAnswerError(f"A value begins with a possessive s: {match.group()}")
    return text


def _is_possessive(match: re.Match[str], numbering: Numbering) -> bool:
    """Whether the span begins with the s of "customer's"."""
    first = numbering.words[int(match[1]) - numbering.first_word]
    before = numbering.question[: first.start]
    return first.text in ("s", "S") and bool(re.search(r"\w['\u2019]$", before))


def _number(text: str) -> str:
    """A span outside quotes is a number; a word there is taken as the text that it is."""
    plain = text.replace(",", "").replace(" ", "")
    try:
        float(plain)
    except ValueError:
        return exp.Literal.string(text).sql()
    return plain


def _placeholder(name: str) -> tuple[str, int] | None:
    match = _PLACEHOLDER.match(name)
    return (match[1], int(match[2])) if match else None


class _Speller:
    """Gives placeholders their names, in place: all columns first, then the tables."""

    def __init__(self, tree: exp.Query, numbering: Numbering, dialect: str) -> None:
        self._numbering = numbering
        self._dialect = dialect
        self._namesakes: dict[int, exp.Identifier] = {}
        for select in tree.find_all(exp.Select):
            self._tell_namesakes_apart(_from(select))

    def _tell_namesakes_apart(self, sources: list[exp.Table | exp.Subquery]) -> None:
        """Tables of one name in one FROM clause, from different schemas, get aliases."""
        bare = [s for s in sources if not s.alias]
        tables = {id(s): self._table(s.name) for s in bare}
        names = Counter(t.name.casefold() for t in tables.values() if t)
        for source in bare:
            table = tables[id(source)]
            if table and names[table.name.casefold()] > 1:
                alias = f"{table.namespace.rpartition('.')[2]}_{table.name}"
                self._namesakes[id(source)] = exp.to_identifier(alias)

    def _table(self, placeholder: str) -> Table | None:
        slot = _placeholder(placeholder)
        return self._numbering.table(slot[1]) if slot and slot[0] == "t" else None

    def spell_table(self, node: exp.Table) -> None:
        slot = _placeholder(node.name)
        if slot is None:
            return
        table = self._table(node.name)
        if table is None:
            raise NoValidAnswerError(f"The model named a table that the prompt lacks: {slot}")
        catalog, _, schema = table.namespace.rpartition(".")
        node.set("this", identifier(table, self._dialect))
        node.set("db", exp.to_identifier(schema or None))
        node.set("catalog", exp.to_identifier(catalog or None))
        if alias := _placeholder(node.alias):
            node.set("alias", exp.TableAlias(this=_alias(alias[1])))
        elif id(node) in self._namesakes:
            node.set("alias", exp.TableAlias(this=self._namesakes[id(node)].copy()))

    def spell_column(self, node: exp.Column) -> None:
        slot = _placeholder(node.name)
        if slot is None:
            return
        found = self._numbering.column(slot[1]) if slot[0] == "c" else None
        if found is None:
            raise NoValidAnswerError(f"The model named a column that the prompt lacks: {slot}")
        table, column = found
        qualifier = self._qualifier(node, table)
        node.replace(exp.column(identifier(column, self._dialect), table=qualifier))

    def _qualifier(self, node: exp.Column, table: Table) -> exp.Identifier | None:
        """What stands before the column: an alias, the table's name, nothing where one will do."""
        token = f"squill_t{self._numbering.table_number(table)}"
        select = node.find_ancestor(exp.Select)
        nearest = select
        while select is not None:
            sources = _from(select)
            for source in sources:
                if source.name == token and source.alias_or_name == (node.table or token):
                    if select is nearest and len(sources) == 1 and not node.table:
                        return None
                    if id(source) in self._namesakes:
                        return self._namesakes[id(source)].copy()
                    alias = _placeholder(source.alias)
                    return _alias(alias[1]) if alias else identifier(table, self._dialect)
            select = select.find_ancestor(exp.Select)
        raise NoValidAnswerError(
            f"The model used {table.name!r} without a FROM clause that names it."
        )


def _alias(number: int) -> exp.Identifier:
    return exp.to_identifier(f"t{number}")


def _from(select: exp.Select) -> list[exp.Table | exp.Subquery]:
    clauses = [select.args.get("from_"), *(select.args.get("joins") or [])]
    return [
        c.this for c in clauses if c is not None and isinstance(c.this, exp.Table | exp.Subquery)
    ]
