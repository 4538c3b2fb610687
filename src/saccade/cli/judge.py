"""`saccade judge`: maps of another tool, put to the test that a model's own maps take."""

from pathlib import Path
from typing import Annotated

import typer

from saccade.cli.decoding import Typed, check_decoding, decoding_of, decoding_options
from saccade.cli.explain import explainer_of, maps_of
from saccade.cli.inputs import captioner_of, check_outputs, model_files
from saccade.cli.options import (
    Cpu,
    Images,
    JsonFile,
    MapNames,
    Model,
    Prompt,
    TrainedOn,
    path_option,
    some_path,
    some_text,
)
from saccade.text.printing import echo


@decoding_options
def judge(
    files: Annotated[
        list[Path],
        typer.Argument(
            parser=some_path,
            metavar="MAPS",
            help="A .npy or .npz file with a map for each word, or one grey PNG for all of them, "
            "or a file for each word, in order.",
        ),
    ],
    model: Model,
    photo: Annotated[Path, path_option("--photo", help="The photo that the maps are of.")],
    caption: Annotated[
        str | None,
        typer.Option(
            callback=some_text, help="The sentence that the maps are of, if not the model's own."
        ),
    ] = None,
    frame: Annotated[
        str,
        typer.Option(
            help="What the maps lie on: photo, input (the part of it that the model sees), or "
            "cells. auto: cells for maps of their shape, else the photo, in its proportions."
        ),
    ] = "auto",
    maps: MapNames = None,
    html: Annotated[
        Path | None, path_option("--html", help="One page to explore: maps, curves, verdicts.")
    ] = None,
    json_file: JsonFile = None,
    data: TrainedOn = None,
    images: Images = None,
    prompt: Prompt = None,
    cpu: Cpu = False,
    *,
    decoding: Typed,
) -> None:
    """Judge maps of another tool: do they name the cells that the model's words depend on?

    They are tested like the model's own maps, beside these: by covering the cells that they rank
    highest. Maps are not negative, of any resolution; what an .npz file names by word may leave
    words out.

    Example: saccade judge maps.npz --photo photo.jpg --model runs/mine --caption "a dog runs"
    """
    from saccade.errors import UsageError
    from saccade.explain.frames import FRAMES

    chosen = next((name for name in FRAMES if name == frame), None)
    if chosen is None:
        raise UsageError(f"--frame {frame}: choose {', '.join(FRAMES)}.")
    check_decoding(decoding)
    beside = maps_of(maps)
    check_outputs({"--json": json_file, "--html": html}, [*files, photo, *model_files(model)])
    from saccade.cli.explain_show import legend, show
    from saccade.explain.mapfiles import read_maps
    from saccade.explain.record import to_json
    from saccade.files import write_json
    from saccade.viz.explorer import write_page

    given = read_maps(files)  # before the model is loaded, which takes longer
    captioner = captioner_of(model, cpu, prompt=prompt)
    if caption is not None:
        captioner.engine.words.ids(caption)
    settings, _ = decoding_of(captioner, decoding)
    explainer = explainer_of(captioner, data, images).measuring(**beside)
    explanation = explainer.judge(photo, given, caption, chosen, settings)
    if html is not None and len(explanation.words) < len(explanation.caption.words):
        raise UsageError("--html needs a map for every word of the caption; some have none.")
    show(explanation, every_map=True)
    flat = explanation.settings["flat maps"]
    if isinstance(flat, list) and flat:
        words = ", ".join(f"'{word}'" for word in dict.fromkeys(flat))
        echo(
            f"The map of {words} is the same everywhere: it names no cell.",
            err=True,
        )
    echo(*legend(explanation.verdict_on, explainer.covered_with), separator="\n")
    if json_file is not None:
        write_json(json_file, to_json(explanation))
        echo(f"All measurements: {json_file}")
    if html is not None:
        write_page([explanation], html)
        echo(f"Page: {html}")
