"""The ``lines-1`` prompt format: one line for each table, then the question as a comment."""
