"""What is known about an adapter beside its weights."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from squill.errors import AdapterError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """One published adapter.

    ``digest`` names its content, ``base`` the content of the model it was trained on, ``pairs``
    the example pairs it learned from. ``created`` is UTC in ISO 8601. ``figures`` is what was
    measured when it was published. ``parent`` is the adapter that its training started from.
    ``words`` are those (stems, see `speaks_of`) without which the base model answers; empty where
    all questions are the adapter's.
    """

    digest: str
    base: str
    prompt_format: str
    created: str
    parent: str | None = None
    pairs: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict, hash=False)
    note: str = ""
    words: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """The card as maps and lists, for MessagePack and JSON."""
        lists = {"pairs": list(self.pairs), "words": list(self.words)}
        return asdict(self) | lists | {"figures": dict(self.figures)}

    @staticmethod
    def from_wire(data: Mapping[str, Any]) -> AdapterCard:
        """The inverse of `to_wire`.

        Raises:
            AdapterError: a field is missing or of the wrong type.
        """
        try:
            return AdapterCard(
                digest=checked_digest(data["digest"]),
                base=_text(data["base"]),
                prompt_format=_text(data["prompt_format"]),
                created=_text(data["created"]),
                parent=optional_digest(data.get("parent")),
                pairs=tuple(_text(pair) for pair in data.get("pairs", ())),
                figures={_text(k): _number(v) for k, v in data.get("figures", {}).items()},
                note=_text(data.get("note", "")),
                words=tuple(_text(word) for word in data.get("words", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AdapterError(
                f"The adapter's card is not one that Squill wrote ({error!r}). "
                "Publish the adapter again."
            ) from error


def checked_digest(value: object) -> str:
    """``value``, where it is a whole digest: 64 hexadecimal digits, lower case.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(f"{value!r} is not a digest")
    return value


def optional_digest(value: object) -> str | None:
    """As `checked_digest`; None stands for no adapter."""
    return None if value is None else checked_digest(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {value!r}")
    return value
