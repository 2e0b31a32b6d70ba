"""Squill in a terminal: questions to a database, and what notebooks share with that."""
