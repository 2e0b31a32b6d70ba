"""The embedded model's format: tables, columns and question words are numbered, not spelled."""

from squill.prompt.slots.format import SlotsFormat

__all__ = ["SlotsFormat"]
