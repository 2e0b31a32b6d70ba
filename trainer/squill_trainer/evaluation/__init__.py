"""Whether a predicted query is the wanted one: by canonical form and by result."""

from squill.canonical import canonical
from squill_trainer.evaluation.execution import Database, Outcome, compare, without_case

__all__ = ["Database", "Outcome", "canonical", "compare", "without_case"]
