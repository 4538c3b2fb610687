"""Saccade: image captions you can see into."""
