"""The model card of a checkpoint."""

from typing import Any


def card(config: dict[str, Any]) -> str:
    """The model card: what this is, how it was made, how to use it."""
    training = config["training"]
    figures = training.get("validation", {})
    figures = {k: v for k, v in figures.items() if isinstance(v, int | float)}
    rows = [
        ("encoder", f"{config['encoder']['backbone']}, {config['grid'][0]}x{config['grid'][1]} "
         f"cells of {config['features']} features"),
        ("decoder", config["decoder"]["kind"]),
        ("vocabulary", f"{config['vocabulary_size']} words"),
        ("trained on", f"{training.get('pictures', 'unknown')} pictures, "
         f"{training.get('step', 'unknown')} steps"),
        *((f"validation {name}", f"{value:.4g}") for name, value in figures.items()),
    ]  # fmt: skip
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"""---
library_name: saccade
pipeline_tag: image-to-text
---

# An image captioner made with Saccade {config["saccade_version"]}

| | |
|---|---|
{table}

```
pip install saccade-captioner
saccade caption photo.jpg --model THIS_FOLDER
saccade explain photo.jpg --model THIS_FOLDER --html evidence.html
```

An attention map says what the model weighed, not why it chose a word; `saccade explain` puts the
evidence beside it.
"""
