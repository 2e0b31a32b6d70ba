"""Table definitions from DDL text, incremental by statement."""

from squill.ddl.builder import ParsedSchema, Problem, SchemaBuilder, SchemaSource, parse_schema

__all__ = ["ParsedSchema", "Problem", "SchemaBuilder", "SchemaSource", "parse_schema"]
