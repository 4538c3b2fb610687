"""Pictures of captions and runs: overlays, attention over time, curves, HTML pages.

Takes `saccade.values` and log records only; knows nothing of models."""
