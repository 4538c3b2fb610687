"""`Captioner`: load a checkpoint, caption photos, keep everything the model said."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from saccade.checkpoint import Checkpoint, is_checkpoint, load, save
from saccade.config import DecodeConfig
from saccade.decoding import Hypothesis, search
from saccade.errors import CheckpointError, PictureError
from saccade.files import surviving_folder
from saccade.models.captioner import CaptionModel
from saccade.models.decoders.soft_attention.stepping import Stepper
from saccade.text import Vocabulary, join
from saccade.values.captions import Caption
from saccade.values.places import Grid

if TYPE_CHECKING:
    from saccade.values.evidence import Explanation

Photo = Path | str | Image.Image


def default_device() -> torch.device:
    """A GPU when there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@dataclass(frozen=True)
class Encoded:
    """Photos seen once: decode them as often as wanted."""

    grid: Tensor  # (B, L, F)
    places: tuple[Grid, ...]
    photos: tuple[Photo, ...]


class Captioner:
    """A trained captioner.

    >>> captioner = Captioner.from_pretrained("runs/mine/best")
    >>> caption = captioner.caption("photo.jpg", beams=5)
    >>> caption.text, caption.alphas.shape  # the sentence, and where it looked: (T, h, w)
    >>> caption.figure().savefig("attention.png")
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device | str | None = None) -> None:
        self.checkpoint = checkpoint
        self.device = torch.device(device) if device is not None else default_device()
        self.model: CaptionModel = checkpoint.model.to(self.device).eval()
        self.vocabulary: Vocabulary = checkpoint.vocabulary
        self._stepper: Stepper | None = None

    # Loading and saving, with the verbs of the hub's libraries ---------------------------------

    @classmethod
    def from_pretrained(
        cls,
        folder_or_hub_id: Path | str,
        device: torch.device | str | None = None,
        revision: str | None = None,
    ) -> "Captioner":
        """A captioner from a checkpoint folder, or from the hub by its id ("owner/name").

        Raises CheckpointError naming what is missing, damaged or unreachable."""
        return cls(load(_folder(folder_or_hub_id, revision)), device)

    def save_pretrained(self, folder: Path | str) -> None:
        """Write the checkpoint folder: config.json, vocab.json, model.safetensors."""
        save(folder, self.checkpoint)

    def push_to_hub(self, repo_id: str, private: bool = False, token: str | None = None) -> str:
        """Upload the checkpoint to the hub as `repo_id` ("owner/name"); returns its address."""
        import tempfile

        from huggingface_hub import HfApi

        api = HfApi(token=token)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "checkpoint"
            self.save_pretrained(folder)
            try:
                address = api.create_repo(repo_id, private=private, exist_ok=True)
                api.upload_folder(repo_id=repo_id, folder_path=folder)
            except (OSError, ValueError) as error:  # hub and network errors are OSErrors
                raise CheckpointError(
                    f"{repo_id} could not be uploaded ({_first_line(error)}); check the id, the "
                    "network and your token (hf auth login)."
                ) from error
        return str(address)

    # Captioning --------------------------------------------------------------------------------

    def settings(self, **changes: Any) -> DecodeConfig:
        """The checkpoint's decoding settings with those given (not None) laid over them."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self.checkpoint.decode, **given)

    def encode(self, photos: Sequence[Photo]) -> Encoded:
        """Look at photos once. Raises PictureError for one that can't be opened."""
        return self.encode_prepared([self._prepare(photo) for photo in photos], photos)

    def decode(
        self, encoded: Encoded, config: DecodeConfig | None = None, keep: int = 1
    ) -> list[Caption]:
        """Captions of encoded photos, the best of each with the next `keep - 1` as `others`."""
        found = search(
            self.stepper(),
            encoded.grid,
            self.vocabulary,
            config or self.checkpoint.decode,
            keep,
        )
        captions = []
        for hypotheses, where, photo in zip(found, encoded.places, encoded.photos, strict=True):
            best, *others = (self.as_caption(h, where, photo) for h in hypotheses[:keep])
            captions.append(replace(best, others=tuple(others)))
        return captions

    def caption(
        self,
        photos: Photo | Sequence[Photo],
        beams: int | None = None,
        length_power: float | None = None,
        max_words: int | None = None,
        allow_unk: bool | None = None,
        keep: int = 1,
        batch: int = 16,
    ) -> Any:
        """A Caption for one photo (a path or a PIL picture), a list of them for a list.

        beams 1 is greedy; scores are log-probability / words ** length_power; keep > 1 returns the
        next best sentences as `others`. Settings left out are the checkpoint's. Raises
        PictureError naming the photo that can't be opened."""
        config = self.settings(
            beams=beams, length_power=length_power, max_words=max_words, allow_unk=allow_unk
        )
        if isinstance(photos, Path | str | Image.Image):
            return self.decode(self.encode([photos]), config, keep)[0]
        found = []
        for _, result in self.stream(photos, config, keep, batch):
            if isinstance(result, PictureError):
                raise result
            found.append(result)
        return found

    def stream(
        self,
        photos: Iterable[Photo],
        config: DecodeConfig | None = None,
        keep: int = 1,
        batch: int = 16,
    ) -> Iterator[tuple[Photo, Caption | PictureError]]:
        """Caption any number of photos in bounded memory, in order; a photo that can't be opened
        yields its error and the others go on. Decoding files overlaps with the model's work."""
        for group in self.encoded(photos, batch):
            good = [item for item in group if not isinstance(item[1], PictureError)]
            captions: Iterator[Caption] = iter(())
            if good:
                encoded = self.encode_prepared(
                    [item for _, item in good], [photo for photo, _ in good]
                )
                captions = iter(self.decode(encoded, config, keep))
            for photo, item in group:
                yield photo, item if isinstance(item, PictureError) else next(captions)

    def encoded(
        self, photos: Iterable[Photo], batch: int
    ) -> Iterator[list[tuple[Photo, tuple[Tensor, Grid] | PictureError]]]:
        """Groups of up to `batch` photos as the encoder wants them, read one group ahead."""

        def attempt(photo: Photo) -> tuple[Tensor, Grid] | PictureError:
            try:
                return self._prepare(photo)
            except PictureError as error:
                return error

        with ThreadPoolExecutor(2) as pool:
            ahead: list[tuple[Photo, Future]] = []
            for group in _grouped(photos, batch):
                following = [(photo, pool.submit(attempt, photo)) for photo in group]
                if ahead:
                    yield [(photo, future.result()) for photo, future in ahead]
                ahead = following
            if ahead:
                yield [(photo, future.result()) for photo, future in ahead]

    def explain(self, photo: Photo, caption: str | None = None, **asked: Any) -> "Explanation":
        """The photo's caption, or the sentence `caption`, with the evidence for and against each
        word's look; `asked` as `saccade.explain.Explainer.explain` has it."""
        # The one door from a captioner to its explanations, opened late.
        from saccade.explain import Explainer

        return Explainer(self).explain(photo, caption, **asked)

    # Parts -------------------------------------------------------------------------------------

    def stepper(self) -> Stepper:
        """The decoder laid out for stepping; laid out again when its weights have changed."""
        if self._stepper is None or not self._stepper.fits(self.model.decoder):
            self._stepper = Stepper(self.model.decoder)
        return self._stepper

    def _prepare(self, photo: Photo) -> tuple[Tensor, Grid]:
        return self.model.encoder.prepare(photo)

    @torch.no_grad()
    def encode_prepared(
        self, prepared: Sequence[tuple[Tensor, Grid]], photos: Sequence[Photo]
    ) -> Encoded:
        """The same for pixels and places that `Encoder.prepare` gave."""
        pixels = torch.stack([pixels for pixels, _ in prepared]).to(self.device)
        return Encoded(
            self.model.grid(pixels), tuple(where for _, where in prepared), tuple(photos)
        )

    def as_caption(self, found: Hypothesis, where: Grid, photo: Photo) -> Caption:
        """A hypothesis as people read it."""
        words = tuple(self.vocabulary.words[index] for index in found.ids)
        given = isinstance(photo, Image.Image)
        return Caption(
            text=join(words),
            words=words,
            ids=found.ids,
            logprobs=found.logprobs,
            alphas=found.alphas.reshape(len(words), *where.shape),
            betas=found.betas,
            where=where,
            score=found.score,
            end_logprob=found.end_logprob,
            finished=found.finished,
            runners_up=tuple(
                tuple((self.vocabulary.words[index], value) for index, value in entry)
                for entry in found.runners_up
            ),
            photo=None if given else Path(photo),
            image=photo if given else None,
        )


def _grouped(photos: Iterable[Photo], size: int) -> Iterator[list[Photo]]:
    group: list[Photo] = []
    for photo in photos:
        group.append(photo)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _folder(folder_or_hub_id: Path | str, revision: str | None) -> Path:
    """The checkpoint's folder: local, a run's best, or fetched from the hub."""
    path = Path(folder_or_hub_id).expanduser()
    if surviving_folder(path).is_dir():
        # A run's folder is what people have at hand; its best checkpoint is what they mean.
        return path / "best" if not is_checkpoint(path) and is_checkpoint(path / "best") else path
    name = str(folder_or_hub_id)
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise CheckpointError(
            f"{name}: there is no such checkpoint folder (and it is no hub id, owner/name)."
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=["*.json", "*.safetensors"])
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{name}: there is no such folder, and the hub did not give a checkpoint of that id "
            f"({_first_line(error)}); check the name and the network."
        ) from error
