"""Caption files of every kind, written small."""

import json
from pathlib import Path


def put(path: Path, text: str, bom: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode())
    return path


def lines(*records) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def pairs(dataset) -> list[tuple]:
    return [(e.id, e.captions, e.split) for e in dataset.examples]


KARPATHY = {
    "dataset": "coco",
    "images": [
        {
            "filename": "COCO_val2014_1.jpg",
            "filepath": "val2014",
            "split": "restval",
            "cocoid": 1,
            "imgid": 0,
            "sentences": [{"raw": "A dog runs. ", "tokens": ["a", "dog", "runs"]}, {"tokens": ["a", "dog"]}],
        },
        {"filename": "2.jpg", "split": "val", "sentences": [{"raw": "A red kite."}]},
        {"filename": "3.jpg", "split": "test", "sentences": []},
    ],
}  # fmt: skip
COCO = {
    "info": {},
    "images": [{"id": 7, "file_name": "7.jpg"}, {"id": 8, "file_name": "8.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 8, "caption": "A red kite.\n"},
        {"id": 2, "image_id": 7, "caption": "A dog runs."},
        {"id": 3, "image_id": 8, "caption": "A kite."},
    ],
}

FLICKR = "1.jpg#0\tA dog runs .\n1.jpg#1\tA dog .\n2.jpg#0\tA kite .\n3.jpg#0\tA cat .\n4.jpg#0\tA cow .\n"
