"""The rules of the language, as text.

The notation is llguidance's Lark, but for one thing: a text in double quotes is SQL as sqlglot's
generator writes it, with its spaces; `squill_daemon.grammar.spelling` says which tokens or which
characters that is. What no rule here defines (names, literals) is defined by the terminals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill_daemon.grammar import functions

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUERY = """
with: "WITH " common (", " common)* " "
common: made " AS " "(" query ")"
body: select (set_operator select)*
select: ("SELECT " | "SELECT DISTINCT ") selected
selected: item (", " item)* from where? group? having? | named (", " named)*
item: named | "*" | qualifier ".*"
named: condition (" AS " made)?
from: " FROM " source join*
source: table | "(" query ")" (" AS " made)? | made_source
join: (", " | " CROSS JOIN ") source | join_operator source join_condition?
join_condition: " ON " condition | " USING (" column_name (", " column_name)* ")"
where: " WHERE " condition
group: " GROUP BY " condition (", " condition)*
having: " HAVING " condition
order: " ORDER BY " orderings
orderings: ordering (", " ordering)*
condition: negated ((" AND " | " OR ") negated)*
negated: "NOT "? predicate
predicate: value
    | value comparison value
    | value " BETWEEN " value " AND " value
    | value (" IN (" | " NOT IN (") (query | value (", " value)*) ")"
    | value like value
    | value (" IS NULL" | " IS NOT NULL")
    | "EXISTS(" query ")"
value: term (arithmetic term)*
term: column | literal | aggregate | scalar | form | ranking
    | "(" condition ")" | "(" query ")" | "-" number
    | ("CASE WHEN " | "CASE " value " WHEN ") choice (" WHEN " choice)* (" ELSE " condition)? " END"
    | "CAST(" value cast_end
choice: condition " THEN " condition
literal: string | number | constant
aggregate: ("COUNT(*)" | usual_aggregate condition ")" | own_aggregate) filter? over?
usual_aggregate: "COUNT(" | "SUM(" | "AVG(" | "MIN(" | "MAX("
    | "COUNT(DISTINCT " | "SUM(DISTINCT " | "AVG(DISTINCT "
over: " OVER (" (window_partition (" ORDER BY " window_order)? | "ORDER BY " window_order)? ")"
window_partition: "PARTITION BY " value (", " value)*
window_order: orderings frame?
ranking: ("ROW_NUMBER()" | "RANK()" | "DENSE_RANK()" | "NTILE(" DIGITS ")") over
    | (("LAG(" | "LEAD(") value (", " DIGITS)? ")" | "FIRST_VALUE(" value ")") over
frame: " ROWS BETWEEN " frame_start " AND " frame_end
frame_start: "UNBOUNDED PRECEDING" | DIGITS " PRECEDING" | "CURRENT ROW"
frame_end: "UNBOUNDED FOLLOWING" | DIGITS " FOLLOWING" | "CURRENT ROW"
part: "YEAR" | "QUARTER" | "MONTH" | "WEEK" | "DAY" | "HOUR" | "MINUTE" | "SECOND"
"""


def query_rules(dialect: str, *, exact: bool, taken: frozenset[str] = frozenset()) -> str:
    """The rules of a query in a dialect, in this module's notation.

    ``exact``: only what sqlglot's generator writes, without the other spellings that people use.
    ``taken``: names in lower case that a schema uses bare. A form that begins with such a name is
    left out, since a lexer could not tell the two apart in time.
    """
    forms = [f for f in functions.forms(dialect, exact=exact) if _first_word(f) not in taken]
    rules = {
        "query": [_query(dialect)],
        "limit": [_limit(dialect)],
        "set_operator": _set_operators(dialect),
        "join_operator": _join_operators(dialect, exact=exact),
        "ordering": [_ordering(dialect)],
        "comparison": _comparisons(exact=exact),
        "like": _likes(dialect),
        "arithmetic": _arithmetic(dialect),
        "constant": ['"NULL"'] if dialect in ("tsql", "oracle") else _CONSTANTS,
        "cast_end": _cast_ends(dialect, exact=exact),
        "filter": ['" FILTER(WHERE " condition ")"'],
        "form": forms,
        "scalar": _calls(functions.scalars(dialect)),
        "own_aggregate": _calls(functions.aggregates(dialect)),
        **_ARGUMENTS,
        **(_TOP if dialect == "tsql" else {}),
    }
    return _QUERY + "".join(f"{name}: {' | '.join(rhs)}\n" for name, rhs in rules.items())


_CONSTANTS = ['"NULL"', '"TRUE"', '"FALSE"']
_ARGUMENTS = {f"arguments_{n}": ['", "'.join(n * [" value "])] for n in range(1, 6)}

_TOP = {"top": ['"SELECT TOP " number " " selected']}


def _first_word(form: str) -> str:
    return form.lstrip('("').partition(" ")[0].strip('"').lower()


def _calls(functions_: Iterable[tuple[str, int, int]]) -> list[str]:
    """Alternatives, functions with the same numbers of arguments together."""
    by_count: dict[tuple[int, int], list[str]] = {}
    for name, least, most in functions_:
        by_count.setdefault((least, most), []).append(f'"{name}("')
    return [
        f'({" | ".join(names)}) ({" | ".join(f"arguments_{n}" for n in range(a, b + 1))}) ")"'
        for (a, b), names in by_count.items()
    ]


def _query(dialect: str) -> str:
    if dialect == "tsql":
        return "with? (body (order limit?)? | top order?)"
    return "with? body order? limit?"


def _limit(dialect: str) -> str:
    if dialect == "tsql":
        return '" OFFSET " number " ROWS" (" FETCH NEXT " number " ROWS ONLY")?'
    if dialect == "oracle":
        return '(" OFFSET " number " ROWS")? " FETCH FIRST " number " ROWS ONLY"'
    return '" LIMIT " number (" OFFSET " number)?'


def _set_operators(dialect: str) -> list[str]:
    if dialect == "bigquery":
        names = ["UNION ALL", "UNION DISTINCT", "INTERSECT DISTINCT", "EXCEPT DISTINCT"]
    else:
        names = ["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]
    return [f'" {name} "' for name in [*names, *(["MINUS"] if dialect == "oracle" else [])]]


def _join_operators(dialect: str, *, exact: bool) -> list[str]:
    names = ["JOIN", "LEFT JOIN", "RIGHT JOIN"]
    if dialect != "mysql":
        names.append("FULL JOIN")
    if not exact:
        names += ["INNER JOIN", "LEFT OUTER JOIN", "RIGHT OUTER JOIN"]
    return [f'" {name} "' for name in names]


def _ordering(dialect: str) -> str:
    nulls = "" if dialect in ("mysql", "tsql") else '(" NULLS FIRST" | " NULLS LAST")?'
    return f'condition (" DESC" | " ASC")? {nulls}'


def _comparisons(*, exact: bool) -> list[str]:
    signs = ["=", "<>", ">", "<", ">=", "<=", *([] if exact else ["!="])]
    return [f'" {sign} "' for sign in signs]


def _likes(dialect: str) -> list[str]:
    names = ["LIKE", "ILIKE"] if dialect in ("postgres", "duckdb", "snowflake") else ["LIKE"]
    return [f'"{before}{name} "' for name in names for before in (" ", " NOT ")]


def _arithmetic(dialect: str) -> list[str]:
    signs = ["+", "-", "*", "/"]
    if dialect not in ("oracle", "bigquery"):
        signs.append("%")
    if dialect not in ("mysql", "tsql"):
        signs.append("||")
    return [f'" {sign} "' for sign in signs]


def _cast_ends(dialect: str, *, exact: bool) -> list[str]:
    ends = [f'" AS {name})"' for name in functions.types(dialect)]
    if not exact and "DECIMAL" in functions.types(dialect):
        ends.append('" AS DECIMAL(" DIGITS (", " DIGITS)? ")" ")"')
    return ends
