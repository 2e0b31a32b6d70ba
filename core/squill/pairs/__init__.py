"""Example pairs: questions with the SQL that answers them, which a model learns from.

`keep` writes one, and is light to import; `squill.pairs.store.PairStore` reads them all.
"""

from squill.pairs.accepted import keep, withdraw
from squill.pairs.pair import ACCEPTED, Overruled, Pair, Pairs, SetAside

__all__ = ["ACCEPTED", "Overruled", "Pair", "Pairs", "SetAside", "keep", "withdraw"]
