"""Captioners of transformers: a table of families, how each is loaded, and where it looks."""
