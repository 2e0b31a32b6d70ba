"""The registry of adapters that trainer and daemon share: published whole, found by content.

::

    adapters/
    ├── <digest>/            adapters.safetensors, adapter_config.json, card.json; never changed
    ├── active/<hash>.json   which adapter a workspace uses, and those it used before
    └── .staged, .removed    work in progress; the next publish clears what a crash left
"""

from squill.adapters.card import AdapterCard
from squill.adapters.content import CARD, CONFIG, WEIGHTS, adapter_digest, read_config
from squill.adapters.registry import AdapterRegistry, user_registry

__all__ = [
    "CARD",
    "CONFIG",
    "WEIGHTS",
    "AdapterCard",
    "AdapterRegistry",
    "adapter_digest",
    "read_config",
    "user_registry",
]
