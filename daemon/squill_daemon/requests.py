"""Params of `generate` and `prefill`: from the wire to checked, immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from squill.errors import InvalidParamsError
from squill.schema import Schema, from_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill.ddl import ParsedSchema
    from squill.prompt.base import Example

    # A schema, or the DDL texts that define it (later ones override earlier ones).
    SchemaInput = Schema | ParsedSchema | tuple[str, ...]

T = TypeVar("T")

MOST_CANDIDATES = 16


@dataclass(frozen=True, slots=True)
class Document:
    """Where a question comes from; a newer version makes an older request stale."""

    uri: str
    version: int


@dataclass(frozen=True, slots=True)
class PrefillRequest:
    schema: SchemaInput
    dialect: str = ""
    adapter: str | None = None
    workspace: str = ""


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """``budget_ms`` counts from the request's arrival; None means the daemon's setting.

    ``adapter`` is a digest, "" for the base model, None for what is active in ``workspace``. An
    active adapter that has words answers questions with one of them alone; one that is named
    answers all, or as an active one where it is ``confined``.
    ``background``: nobody waits for the answer, so it is worked on while no one else asks.
    """

    schema: SchemaInput
    question: str
    dialect: str = ""
    context: str = ""
    n: int = 1
    budget_ms: int | None = None
    adapter: str | None = None
    workspace: str = ""
    background: bool = False
    confined: bool = False
    document: Document | None = None
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class AdapterRequest:
    """Load the adapter of this digest."""

    digest: str


Request = GenerateRequest | PrefillRequest | AdapterRequest


def prefill_request(params: Mapping[str, Any]) -> PrefillRequest:
    """
    Raises:
        InvalidParamsError: naming the field and what it must be.
    """
    return PrefillRequest(
        schema=_schema(params.get("schema")),
        dialect=_get(params, "dialect", str, ""),
        adapter=_optional(params, "adapter", str),
        workspace=_get(params, "workspace", str, ""),
    )


def generate_request(params: Mapping[str, Any]) -> GenerateRequest:
    """
    Raises:
        InvalidParamsError: naming the field and what it must be.
    """
    question = _get(params, "question", str, "").strip()
    if not question:
        raise InvalidParamsError("`question` must be a text that is not empty.")
    return GenerateRequest(
        schema=_schema(params.get("schema")),
        question=question,
        dialect=_get(params, "dialect", str, ""),
        context=_get(params, "context", str, ""),
        n=_within("n", _get(params, "n", int, 1), 1, MOST_CANDIDATES),
        budget_ms=_optional(params, "budget_ms", int),
        adapter=_optional(params, "adapter", str),
        workspace=_get(params, "workspace", str, ""),
        background=flag(params, "background"),
        confined=flag(params, "confined"),
        document=_document(params.get("document")),
        examples=tuple(_example(e) for e in _get(params, "examples", list, [])),
    )


def _optional(params: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidParamsError(f"`{name}` must be of type {kind.__name__}, not {value!r:.40}.")
    return value


def text(params: Mapping[str, Any], name: str) -> str | None:
    """A param that is text; absent is None."""
    return _optional(params, name, str)


def flag(params: Mapping[str, Any], name: str) -> bool:
    """A param that is true or false; absent is false."""
    value = params.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise InvalidParamsError(f"`{name}` must be true or false, not {value!r:.40}.")
    return value


def _get(params: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    value = _optional(params, name, kind)
    return default if value is None else value


def _within(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise InvalidParamsError(f"`{name}` must lie between {low} and {high}, not {value}.")
    return value


def _schema(value: object) -> SchemaInput:
    match value:
        case str():
            return (value,)
        case list() if all(isinstance(text, str) for text in value):
            return tuple(value)
        case dict():
            return from_wire(value)
    raise InvalidParamsError(
        "`schema` must be DDL text, a list of DDL texts, or a map as squill.schema.to_wire gives."
    )


def _document(value: object) -> Document | None:
    match value:
        case None:
            return None
        case {"uri": str(uri), "version": int(version)}:
            return Document(uri, version)
    raise InvalidParamsError("`document` must be a map with `uri` (text) and `version` (number).")


def _example(value: object) -> Example:
    # The prompt formats bring sqlglot along: the socket answers sooner without it.
    from squill.prompt.base import Example

    match value:
        case {"question": str(question), "sql": str(sql)}:
            return Example(question, sql)
    raise InvalidParamsError("Each of `examples` must be a map with `question` and `sql` (texts).")
