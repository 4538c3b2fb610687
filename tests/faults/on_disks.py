"""Mounts a read-only and a small disk (in a mount namespace of its own) and tries commands there.

A driver: `unshare --user --map-root-user --mount python on_disks.py FOLDER RUN DATA`. It prints
{what was tried: [exit code, standard error, files left]} as JSON.
"""

import contextlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import saccade.api
from saccade.cli import main


def mount(kind: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", kind, "none", str(folder)], check=True)


def attempt(*words: object) -> tuple[int | str, str]:
    """Exit code and standard error of a command; a traceback's last line in the code's place."""
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        try:
            code: int | str = main([str(word) for word in words])
        except BaseException as wrong:
            code = f"traceback: {type(wrong).__name__}: {wrong}"
    return code, error.getvalue()


SMALL = ["encoder.backbone=small-conv", "encoder.halvings=2", "encoder.widths=[8,12]"]
SMALL += ["encoder.freeze=none"]


def training(data: Path, out: Path, *more: str) -> list[object]:
    settings = ["encoder.image_size=[32,48]", "train.min_count=1", "train.epochs=1"]
    settings += ["train.batch=8", "decoder.hidden=24", "decoder.embedding=12", *more]
    settings += ["decoder.attention=12", "decoder.features=0"]
    return ["train", data, "--out", out, "--cpu", *(w for s in settings for w in ("--set", s))]


def read_only(disk: Path, run: Path, data: Path, backbone: Path) -> dict[str, list]:
    """Outputs on a read-only disk; loading a model first would be an AssertionError."""
    mount("size=20m", disk)
    shutil.copytree(run, disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    photo, captions = data / "images" / "000.png", data / "captions.jsonl"
    model = ["-m", run, "--cpu"]
    commands = {
        "caption json": ["caption", photo, *model, "--json", disk / "a.json"],
        "caption attention": ["caption", photo, *model, "--attention", disk / "maps" / "new"],
        "explain json": ["explain", photo, *model, "--json", disk / "a.jsonl"],
        "explain html": ["explain", photo, *model, "--html", disk / "a.html"],
        "evaluate json": ["evaluate", data, *model, "--json", disk / "a.json"],
        "evaluate attention": ["evaluate", data, *model, "--attention", disk],
        "survey json": ["survey", data, *model, "--json", disk / "a.json"],
        "survey html": ["survey", data, *model, "--html", disk / "a.html"],
        "report": ["report", disk / "run", "--cpu"],
        "report out": ["report", run, "--cpu", "--out", disk / "a.html"],
        "train": training(data, disk / "new", *SMALL),
        "resume": ["train", "--resume", disk / "run", "--cpu"],
        "check": ["check", data, "--json", disk / "a.json"],
        "score": ["score", "-r", captions, "-H", captions, "--json", disk / "a.json"],
        "pictures": ["score", "-r", captions, "-H", captions, "--per-picture", disk / "a.csv"],
        "counts": ["score", "-r", captions, "--save-frequencies", disk / "a.npz"],
        "agreement": ["agreement", "-r", captions, "--json", disk / "a.json"],
        "scenes": ["scenes", disk / "scenes"],
        "demo": ["demo", disk / "demo"],
    }

    def early(*_: object, **__: object) -> None:
        raise AssertionError("the model was loaded before the outputs were checked")

    real = saccade.api.Captioner.from_pretrained
    saccade.api.Captioner.from_pretrained = early  # type: ignore[method-assign, assignment]
    found = {name: [*attempt(*words), []] for name, words in commands.items()}
    saccade.api.Captioner.from_pretrained = real  # type: ignore[method-assign]
    cached = ["--encoder", backbone, "--cache", disk / "cache"]
    found["cache"] = [*attempt(*training(data, disk.with_name("other")), *cached), []]
    found["reading"] = [*attempt("caption", photo, "-m", disk / "run", "--cpu"), []]
    return found


def full(disk: Path, run: Path, data: Path) -> dict[str, list]:
    """Work whose output does not fit."""
    mount("size=4m", disk)
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    found = {}

    def tried(name: str, room: int, *words: object) -> None:
        filler.write_bytes(bytes(free - room))
        outcome = attempt(*words)
        left = sorted(str(p.relative_to(disk)) for p in disk.rglob("*") if p != filler)
        found[name] = [*outcome, left]

    model = ["-m", run, "--cpu"]
    photos = disk.with_name("photos")
    photos.mkdir()
    for number in range(30):
        shutil.copy(data / "images" / "000.png", photos / f"{number:02d}.png")
    tried("caption", 20_000, "caption", photos, *model, "--json", disk / "a.json")
    found["caption"].append(len(json.loads((disk / "a.json").read_text())))
    (disk / "a.json").unlink()
    one = photos / "00.png"
    tried("attention", 8_000, "caption", one, *model, "--attention", disk / "maps")
    shutil.rmtree(disk / "maps", ignore_errors=True)
    tried("page", 20_000, "explain", one, *model, "--html", disk / "a.html")
    tried("scenes", 50_000, "scenes", disk / "scenes", "--count", 100)
    shutil.rmtree(disk / "scenes", ignore_errors=True)
    tried("train", 120_000, *training(data, disk / "run", *SMALL))
    filler.unlink()
    again = ["train", "--resume", disk / "run", "--cpu"]
    if not (disk / "run" / "run.json").exists():
        again = training(data, disk / "run", *SMALL)
    found["train again"] = [*attempt(*again), []]
    return found


if __name__ == "__main__":
    folder, run, data, backbone = map(Path, sys.argv[1:])
    outcomes = read_only(folder / "read-only", run, data, backbone)
    outcomes |= {f"full {k}": v for k, v in full(folder / "full", run, data).items()}
    print(json.dumps(outcomes))
