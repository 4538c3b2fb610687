"""A straightforward implementation of decoding and training, for comparison.

Per-step loop, keys and features repeated per beam and caption, literal tanh over (N, L, A), the
vocabulary projected inside the loop and on padding, a sort over beams x vocabulary, the history of
all log-probabilities carried along. The weights are a `SoftAttentionDecoder`'s; nothing else of it
is used. Checked against Saccade's own in tests/models/test_stepping.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def memory(decoder: nn.Module, grid: Tensor) -> tuple[Tensor, Tensor]:
    """grid (B, L, F) -> values (B, L, C), keys (B, L, A)."""
    values = torch.relu(decoder.project(grid)) if decoder.settings.features else grid
    return values, decoder.attention.key(values)


def initial(decoder: nn.Module, values: Tensor) -> tuple[Tensor, Tensor]:
    mean = values.mean(1)
    return torch.tanh(decoder.init_hidden(mean)), torch.tanh(decoder.init_cell(mean))


def word(
    decoder: nn.Module, tokens: Tensor, h: Tensor, c: Tensor, values: Tensor, keys: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """One word of N captions, values (N, L, C) and keys (N, L, A) -> logits (N, V), h, c, alpha,
    beta. Dropout as in training mode."""
    mixed = torch.tanh(keys + decoder.attention.query(h).unsqueeze(1))  # (N, L, A)
    alpha = decoder.attention.energy(mixed).squeeze(-1).softmax(-1)
    beta = torch.sigmoid(decoder.gate(h))
    context = beta * torch.bmm(alpha.unsqueeze(1), values).squeeze(1)
    embedded = decoder.embed(tokens)
    h, c = decoder.lstm(torch.cat((embedded, context), 1), (h, c))
    deep = embedded + decoder.from_hidden(h) + decoder.from_context(context)
    return decoder.output(decoder.dropout(deep)), h, c, alpha, beta


def teacher_forcing(decoder: nn.Module, grid: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """grid (B, L, F), inputs (B, K, T) -> logits (N, T, V), alphas (N, T, L)."""
    K = inputs.size(1)
    values, keys = memory(decoder, grid)
    h, c = initial(decoder, values)
    values, keys, h, c = (x.repeat_interleave(K, 0) for x in (values, keys, h, c))
    tokens = inputs.flatten(0, 1)
    logits, alphas = [], []
    for t in range(tokens.size(1)):
        scores, h, c, alpha, _ = word(decoder, tokens[:, t], h, c, values, keys)
        logits.append(scores)
        alphas.append(alpha)
    return torch.stack(logits, 1), torch.stack(alphas, 1)


def loss(decoder: nn.Module, grid: Tensor, batch: object, regulariser: float) -> Tensor:
    """What `saccade.training.tasks.CrossEntropy` minimises, padding computed and masked."""
    logits, alphas = teacher_forcing(decoder, grid, batch.inputs)
    live = batch.live.flatten(0, 1)
    nll = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none").view(
        live.shape
    )
    excess = (1 - (alphas * live.unsqueeze(-1)).sum(1)) ** 2
    used = batch.lengths.flatten() > 0
    return ((nll * live).sum() + regulariser * excess.sum(-1)[used].sum()) / live.sum()


@torch.no_grad()
def greedy(
    decoder: nn.Module, grid: Tensor, bos: int, eos: int, banned: tuple[int, ...], words: int
) -> list[tuple[list[int], list[float], list[Tensor]]]:
    """ids (the end left out), log-probabilities and alphas of each picture."""
    values, keys = memory(decoder, grid)
    h, c = initial(decoder, values)
    tokens = torch.full((grid.size(0),), bos)
    found: list[tuple[list[int], list[float], list[Tensor]]] = [([], [], []) for _ in tokens]
    ended = torch.zeros(len(tokens), dtype=torch.bool)
    for _ in range(words):
        logits, h, c, alpha, _ = word(decoder, tokens, h, c, values, keys)
        logprobs = F.log_softmax(logits, -1)
        logprobs[:, list(banned)] = -torch.inf
        best, tokens = logprobs.max(-1)
        ended |= tokens == eos
        for b in range(len(tokens)):
            if not ended[b]:
                found[b][0].append(int(tokens[b]))
                found[b][1].append(float(best[b]))
                found[b][2].append(alpha[b])
        if ended.all():
            break
    return found


@torch.no_grad()
def beam(
    decoder: nn.Module,
    grid: Tensor,
    bos: int,
    eos: int,
    banned: tuple[int, ...],
    beams: int,
    words: int,
    length_power: float = 0.0,
) -> list[tuple[float, list[int], list[float]]]:
    """The best sentence of each picture: score, ids (the end left out), log-probabilities."""
    B, K = grid.size(0), beams
    values, keys = memory(decoder, grid)
    h, c = initial(decoder, values)
    values, keys, h, c = (x.repeat_interleave(K, 0) for x in (values, keys, h, c))
    tokens = torch.full((B * K,), bos)
    sums = torch.full((B, K), -torch.inf)
    sums[:, 0] = 0  # the first word comes from one hypothesis
    sentences = torch.zeros(B * K, 0, dtype=torch.long)
    said = torch.zeros(B * K, 0)
    history = torch.zeros(B * K, 0, decoder.vocabulary)  # every distribution, as usual
    ended: list[list[tuple[float, list[int], list[float]]]] = [[] for _ in range(B)]
    for step in range(1, words + 1):
        logits, h, c, _, _ = word(decoder, tokens, h, c, values, keys)
        logprobs = F.log_softmax(logits, -1)
        history = torch.cat((history, logprobs.unsqueeze(1)), 1)
        logprobs[:, list(banned)] = -torch.inf
        V = logprobs.size(1)
        every = (sums.view(-1, 1) + logprobs).view(B, K * V)
        ordered, index = every.sort(dim=1, descending=True)
        sums, index = ordered[:, :K].clone(), index[:, :K]
        rows = (index // V + torch.arange(B).unsqueeze(1) * K).flatten()
        tokens = (index % V).flatten()
        spoken = logprobs[rows, tokens].unsqueeze(1)
        sentences = torch.cat((sentences[rows], tokens.unsqueeze(1)), 1)
        said = torch.cat((said[rows], spoken), 1)
        history, h, c = history[rows], h[rows], c[rows]
        scores, chosen = sums.tolist(), tokens.tolist()
        for n in range(B * K):
            b, k = divmod(n, K)
            over = chosen[n] == eos
            if scores[b][k] > -torch.inf and (over or step == words):
                ids = sentences[n].tolist()
                score = scores[b][k] / step**length_power
                ended[b].append((score, ids[:-1] if over else ids, said[n].tolist()))
                sums[b, k] = -torch.inf
    return [max(found, key=lambda entry: entry[0]) for found in ended]
