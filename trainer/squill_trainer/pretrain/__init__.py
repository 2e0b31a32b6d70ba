"""Trains the embedded model from scratch: data, tokenizer, training, export."""
