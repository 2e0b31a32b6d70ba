"""The models that Squill can serve: what is here, what is known to do, and which is in use."""
