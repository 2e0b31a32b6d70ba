"""What the Squill processes agree on: schema, prompt, wire protocol, settings, paths, errors."""

__version__ = "0.1.0"
