"""Retraining: example pairs in, an adapter out that is better than the one in use."""
