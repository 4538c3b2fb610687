"""What the decoder reads while it is taught: the words before, some of them changed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saccade.models.captioner import Forward
from saccade.text import Vocabulary
from saccade.values.batch import Batch


def drop_words(batch: Batch, vocabulary: Vocabulary, share: float) -> Batch:
    """The batch with that share of the words that are read replaced by UNK, at random (word
    dropout: Bowman et al. 2016, arXiv 1511.06349, section 3.1). BOS stays, and so do targets."""
    drawn = torch.rand(batch.inputs.shape, device=batch.inputs.device) < share
    drawn[:, :, 0] = False
    return batch._replace(inputs=batch.inputs.masked_fill(drawn & batch.live, vocabulary.unk))


def own_words(model: nn.Module, batch: Batch, vocabulary: Vocabulary, share: float) -> Batch:
    """The batch with that share of the words that are read drawn from the model itself (scheduled
    sampling: Bengio et al. 2015, arXiv 1506.03099).

    In two passes, for any decoder, as Mihaylova and Martins 2019 (arXiv 1906.07651): the first, of
    the references and without dropout, says what the model would have written at each place; the
    second is what is trained. A word is therefore drawn given the reference's words before it, also
    where these are replaced."""
    inputs = batch.inputs
    drawn = torch.rand(inputs.shape, device=inputs.device) < share
    drawn[:, :, 0] = False
    model.eval()
    with torch.no_grad():
        forward: Forward = model(batch)
        logits = forward.predictions.logits.float()  # (M, V)
        logits[:, [vocabulary.pad, vocabulary.bos, vocabulary.eos, vocabulary.unk]] = -torch.inf
        words = torch.multinomial(logits.softmax(1), 1).squeeze(1)  # (M,)
        written: Tensor = torch.zeros_like(inputs).masked_scatter(batch.live, words)
        before = written.roll(1, 2)  # at each place the word written at the one before
    model.train()
    return batch._replace(inputs=torch.where(drawn & batch.live, before, inputs))
