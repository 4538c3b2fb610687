"""A captioner on a split: scores, evidence word by word, and the report of a run."""
