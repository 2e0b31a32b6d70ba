"""When the daemon gives memory back: after a while without questions, and when it is short."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from squill.memory import available_bytes, total_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

_FLOOR_SHARE = 0.03
_LEAST_FLOOR = 256 << 20
_RECENTLY_SECONDS = 60.0


def _floor() -> int:
    return max(_LEAST_FLOOR, int(_FLOOR_SHARE * total_bytes()))


@dataclass(slots=True)
class Upkeep:
    """Belongs to the model thread. ``idle_seconds`` 0 means never; a look every ``seconds``."""

    idle_seconds: float = 1800.0
    seconds: float = 5.0
    floor_bytes: int = field(default_factory=_floor)
    available: Callable[[], int] = available_bytes
    clock: Callable[[], float] = time.monotonic
    _used: float = 0.0
    _looked: float = 0.0

    def used(self) -> None:
        """Somebody asked just now."""
        self._used = self.clock()

    def due(self) -> bool:
        """Whether it is time for a look; if so, the next one is ``seconds`` away."""
        now = self.clock()
        if now - self._looked < self.seconds:
            return False
        self._looked = now
        return True

    @property
    def idle(self) -> bool:
        """Whether nobody has asked for ``idle_seconds``."""
        return 0 < self.idle_seconds <= self.clock() - self._used

    @property
    def recently_used(self) -> bool:
        return self.clock() - self._used < _RECENTLY_SECONDS

    @property
    def memory_short(self) -> bool:
        return self.available() < self.floor_bytes
