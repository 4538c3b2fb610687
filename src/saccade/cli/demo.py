"""`saccade demo`: the whole path once, on drawn scenes, in a few minutes on a laptop."""

import time
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for everything it makes.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Other scenes and other weights.")] = 0,
) -> None:
    """Train a small captioner on drawn scenes, caption unseen ones, and show where it looked.

    Example: saccade demo demo/
    """
    import shutil

    from saccade.api import Captioner
    from saccade.cli.evaluate import show
    from saccade.data.scenes import write
    from saccade.evaluation.report import report
    from saccade.files import write_json
    from saccade.progress import progress
    from saccade.training.train import train
    from saccade.values.examples import evenly
    from saccade.viz.attention import save_gif, save_png
    from saccade.viz.curves import save_loss_curve
    from saccade.viz.explorer import write_page

    began = time.monotonic()
    scenes, run = out / "scenes", out / "run"
    for old in (scenes, run):  # a demo starts afresh; only what a demo made is removed
        if (old / "captions.jsonl").exists() or (old / "run.json").exists():
            shutil.rmtree(old)
    train_count, val, test = 7000, 200, 300
    with progress("Drawing scenes", train_count + val + test) as task:
        write(
            scenes,
            train_count + val + test,
            seed,
            val=val,
            test=test,
            progress=task.advance,
        )
    train(scenes, run, "scenes", {"train": {"seed": seed + 1}}, cpu=True)
    save_loss_curve(run / "log.jsonl", out / "loss.png")
    path, found = report(run, out / "report.html", limit=0, cpu=True, split="test")
    show(found, f"{found.pictures} scenes it has never seen")
    write_json(out / "captions.json", found.to_json())
    captioner = Captioner.from_pretrained(run / "best", device="cpu")
    explainer, explained = captioner.explainer(), []
    for item in evenly(list(found.captioned), 8):
        save_png(item.caption, out / "attention" / f"{item.example.image.stem}.png")
        typer.echo(f"  {item.example.image.name}: {item.caption.text}")
        explained.append(explainer.explain(item.example.image))
    write_page(explained, out / "why.html")
    first = found.captioned[0]
    save_gif(first.caption, out / "attention" / f"{first.example.image.stem}.gif")
    photo = first.example.image
    typer.echo(f"One picture, as you would: {captioner.caption(photo, beams=5).text}")
    typer.echo(f"Was that look real? The evidence, word by word: {out / 'why.html'}")
    typer.echo(f"Done in {(time.monotonic() - began) / 60:.1f} minutes. Open {path}")
    typer.echo(f"Everything is in {out.resolve()}")
