"""The same captions of three pictures in files of every format."""

import csv
import json
from pathlib import Path

REFERENCES = {
    "1": ["A dog runs.", "The brown dog is running"],
    "2": ["Two cats sit on a mat", "cats on a mat"],
    "3": ["A man, with a bike", "the man rides his bike"],
}
MODEL = {"1": "a dog runs", "2": "two cats on a mat", "3": "a man on a bike"}
OTHER = {"1": "a cat", "2": "a dog on a mat", "3": "a man"}


def write_files() -> None:
    """Every format, in the current folder."""
    coco = [
        {"image_id": int(key), "id": n, "caption": text}
        for n, (key, text) in enumerate((k, t) for k, g in REFERENCES.items() for t in g)
    ]
    Path("refs.json").write_text(json.dumps({"images": [], "annotations": coco}))
    results = [{"image_id": int(key), "caption": text} for key, text in MODEL.items()]
    Path("model.json").write_text(json.dumps(results))
    Path("refs.jsonl").write_text(
        "".join(
            json.dumps({"image": key, "captions": group, "split": "val" if key != "3" else "test"})
            + "\n"
            for key, group in REFERENCES.items()
        )
    )
    for name, texts in (("model", MODEL), ("other", OTHER)):
        Path(f"{name}.jsonl").write_text(
            "".join(json.dumps({"image": k, "caption": t}) + "\n" for k, t in texts.items())
        )
        with Path(f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("image", "caption"), *texts.items()])
        Path(f"{name}.txt").write_text("".join(f"{text}\n" for text in texts.values()))
    with Path("refs.csv").open("w", newline="") as file:
        rows = [(key, text) for key, group in REFERENCES.items() for text in group]
        csv.writer(file).writerows([("image", "caption"), *rows])
    with Path("wide.tsv").open("w", newline="") as file:
        rows = [(key, *group) for key, group in REFERENCES.items()]
        writer = csv.writer(file, delimiter="\t")
        writer.writerows([("image", "caption_1", "caption_2"), *rows])
    for person in (0, 1):
        lines = [group[person] + "\r\n" for group in REFERENCES.values()]
        Path(f"ref{person}.txt").write_text("".join(lines), newline="")
