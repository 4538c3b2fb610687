"""`saccade demo`: the whole path, on drawn scenes, in a few minutes on a laptop."""

import time
from pathlib import Path
from typing import Annotated

import typer

from saccade.cli.options import some_path
from saccade.text.printing import echo


def demo(
    out: Annotated[
        Path,
        typer.Argument(parser=some_path, metavar="OUT", help="Folder for everything it makes."),
    ] = Path("demo"),
    seed: Annotated[
        int, typer.Option(min=0, max=2**24, help="Another seed: other scenes, other weights.")
    ] = 0,
    count: Annotated[
        int,
        typer.Option(
            "--scenes", min=100, max=10**6, help="Scenes to train on: fewer is faster and worse."
        ),
    ] = 7000,
) -> None:
    """Train a small captioner on drawn scenes, caption unseen ones, and show where it looked.

    Example: saccade demo demo/
    To try the program only, in half a minute: saccade demo demo/ --scenes 300
    """
    from saccade.cli.demo_folder import begin, finish
    from saccade.files import write_json

    begin(out, seed)
    from saccade.api import Captioner
    from saccade.cli.evaluate import show
    from saccade.data.scenes import write
    from saccade.evaluation.report import report
    from saccade.progress import progress
    from saccade.training.train import train
    from saccade.values.examples import evenly
    from saccade.viz.attention import save_gif, save_png
    from saccade.viz.curves import save_loss_curve
    from saccade.viz.explorer import write_page

    began = time.monotonic()
    scenes, run = out / "scenes", out / "run"
    val, test = count // 35, count * 3 // 70
    with progress("Drawing scenes", count + val + test) as task:
        write(scenes, count + val + test, seed, val=val, test=test, progress=task.advance)
    train(scenes, run, "scenes", {"train": {"seed": seed + 1}}, cpu=True)
    save_loss_curve(run / "log.jsonl", out / "loss.png")
    path, result = report(run, out / "report.html", limit=0, cpu=True, split="test")
    show(result, f"{result.pictures} unseen scenes")
    write_json(out / "captions.json", result.to_json())
    captioner = Captioner.from_pretrained(run / "best", device="cpu")
    explainer, explained = captioner.explainer(), []
    for item in evenly(list(result.captioned), 8):
        save_png(item.caption, out / "attention" / f"{item.example.image.stem}.png")
        echo(f"  {item.example.image.name}: {item.caption.text or '(no words)'}")
        explained.append(explainer.explain(item.example.image))
    write_page(explained, out / "why.html")
    first = result.captioned[0]
    save_gif(first.caption, out / "attention" / f"{first.example.image.stem}.gif")
    photo = first.example.image
    echo(f"One picture from Python: {captioner.caption(photo, beams=5).text}")
    echo(f"Does the attention map matter? The evidence, word by word: {out / 'why.html'}")
    finish(out, seed)
    echo(f"Done in {(time.monotonic() - began) / 60:.1f} minutes. Open {path}")
    echo(f"Everything is in {out.resolve()}")
