"""Pictures of captions and runs: overlays, attention over time, curves, the HTML report.

Takes `saccade.types.Caption` values and log records only; knows nothing of models."""
