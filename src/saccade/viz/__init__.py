"""Pictures of captions and runs: overlays, attention over time, curves, HTML pages.

Takes `saccade.types.Caption` and `saccade.evidence` values and log records only; knows nothing of
models."""
