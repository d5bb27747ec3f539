"""Whole networks, put together from the parts of this folder."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqcli.nn import chance
from seqcli.nn.cells import Cell, State
from seqcli.nn.dropout import dropout
from seqcli.nn.heads import Dense, OneHot, ReadOut, log_probabilities
from seqcli.nn.kneser_ney import KneserNey, mixed
from seqcli.nn.losses import linear_cross_entropy, token_losses
from seqcli.nn.recurrent import Recurrent
from seqcli.nn.wide import Wide

Bags = tuple[Tensor, Tensor, Tensor]  # buckets (N,), starts (B,), weights (N,): see nn.wide


class TextClassifier(nn.Module):
    """ids -> embedding -> recurrent stack -> read-out -> dense head -> log-probabilities.

    Where there is a `wide` part (a linear layer on hashed n-grams), its logits are added; or, with
    a `wide_share`, both paths are trained by themselves and the answer is the mean of their logits.
    With a `log_prior` the answer, not what is trained, is divided by it (logit adjustment after
    training: Menon et al. 2021); so labels that are rare in training are answered more often.
    """

    shift: Tensor | None

    def __init__(
        self,
        embedding: nn.Embedding | OneHot,
        recurrent: Recurrent,
        read_out: ReadOut,
        dense: Dense,
        *,
        head: str,
        wide: Wide | None = None,
        wide_share: float | None = None,
        log_prior: Tensor | None = None,
        word_dropout: float = 0.0,
        output_dropout: float = 0.0,
    ) -> None:
        """log_prior (C,): only its differences count."""
        super().__init__()
        self.embedding, self.recurrent = embedding, recurrent
        self.read_out, self.dense, self.wide = read_out, dense, wide
        self.head, self.wide_share = head, wide_share
        self.word_dropout, self.output_dropout = word_dropout, output_dropout
        self.register_buffer("shift", log_prior, persistent=False)

    def paths(
        self, ids: Tensor, lengths: Tensor | None, features: Bags | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """ids (B, T), lengths (B,) or None (all T), features of `Wide` -> logits of both paths.

        Each (B, C), or (B, 1) of a sigmoid head; None without a wide part.
        """
        x = self.embedding(ids)
        if self.training and self.word_dropout:
            keep = chance.uniform(ids) >= self.word_dropout
            x = x * keep[:, :, None]
        encoded = self.recurrent(x, lengths)
        text = dropout(self.read_out(encoded, lengths), self.output_dropout, self.training)
        deep = self.dense(text).float()
        wide = None if self.wide is None or features is None else self.wide(*features)
        return deep, wide

    def answers(self, deep: Tensor, wide: Tensor | None) -> list[Tensor]:
        """Log-probabilities (B, C) that are trained: of the whole, or of each path by itself."""
        if wide is None or self.wide_share is None:
            return [log_probabilities(self._logits(deep, wide), self.head)]
        return [log_probabilities(deep, self.head), log_probabilities(wide, self.head)]

    def joined(self, deep: Tensor, wide: Tensor | None) -> Tensor:
        """Log-probabilities (B, C): the model's answer."""
        found = log_probabilities(self._logits(deep, wide), self.head)
        return found if self.shift is None else F.log_softmax(found - self.shift, 1)

    def _logits(self, deep: Tensor, wide: Tensor | None) -> Tensor:
        """Both paths' sum, or their mean by `wide_share`."""
        if wide is None:
            return deep
        return deep + wide if self.wide_share is None else torch.lerp(deep, wide, self.wide_share)

    def forward(self, ids: Tensor, lengths: Tensor | None, features: Bags | None = None) -> Tensor:
        """As `paths` -> log-probabilities (B, C)."""
        return self.joined(*self.paths(ids, lengths, features))


class LanguageModel(nn.Module):
    """ids -> embedding -> recurrent stack -> one logit a word; output weights may be tied.

    Where there are `grams` beside it, a share of what it answers is theirs. The network is trained
    by itself: of a text that it has counted an n-gram model is too sure.
    """

    def __init__(
        self,
        embedding: nn.Embedding | OneHot,
        recurrent: Recurrent,
        vocabulary: int,
        *,
        tied: bool,
        grams: KneserNey | None = None,
    ) -> None:
        super().__init__()
        self.embedding, self.recurrent = embedding, recurrent
        self.output = nn.Linear(recurrent.width, vocabulary)
        self.grams = grams
        if tied:
            self.output.weight = embedding.weight

    def forward(
        self, ids: Tensor, state: tuple[State, ...] | None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """ids (B, T), carried state -> the stack's outputs (B, T, H), and the next state."""
        encoded = self.recurrent(self.embedding(ids), state=state, need_state=True)
        return encoded.outputs, encoded.state

    def loss(
        self,
        outputs: Tensor,
        targets: Tensor,
        dtype: torch.dtype = torch.float32,
        scale: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """outputs (B, T, H), targets (B, T) -> `linear_cross_entropy`'s pair."""
        return linear_cross_entropy(
            outputs.flatten(0, 1),
            self.output.weight,
            self.output.bias,
            targets.flatten(),
            dtype,
            scale,
        )

    def answered(
        self, outputs: Tensor, ids: Tensor, targets: Tensor, nodes: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """-log p of the whole answer, nats, summed; and the n-grams' nodes after `ids`.

        outputs (B, T, H) of ids (B, T), targets (B, T), nodes (B, N - 1): None at the beginning.
        """
        if self.grams is None:
            return self.loss(outputs, targets)[1], None
        own, counted, nodes = self.apart(self.grams, outputs, ids, targets, nodes)
        return mixed(own, counted, self.grams.part).sum(), nodes

    def apart(
        self, grams: KneserNey, outputs: Tensor, ids: Tensor, targets: Tensor, nodes: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `answered`: -log p of each target by the network and by `grams`, (N,); and the nodes.

        In float64, on the CPU: what is summed over a whole text.
        """
        flat = outputs.flatten(0, 1), self.output.weight, self.output.bias, targets.flatten()
        nodes = grams.nowhere(len(ids)) if nodes is None else nodes
        counted, nodes = grams.probabilities(ids, targets, nodes)
        own = token_losses(*flat)
        return own.cpu().double(), -counted.flatten().cpu().double().log(), nodes


class LabeledLanguageModel(LanguageModel):
    """The same for texts that each have a label: its row is joined to the embedding of every token.

    Of one label it is a plain language model: what the first layer makes of a row that is the same
    at every step is a part of its bias (`told`).
    """

    def __init__(
        self,
        embedding: nn.Embedding | OneHot,
        recurrent: Recurrent,
        vocabulary: int,
        labels: nn.Embedding,
        *,
        tied: bool,
    ) -> None:
        super().__init__(embedding, recurrent, vocabulary, tied=tied)
        self.labels = labels

    def read(self, ids: Tensor, lengths: Tensor | None, labels: Tensor) -> Tensor:
        """ids (B, T), lengths (B,) or None (all T), labels (B,) -> outputs (B, T, H).

        Every row is read from the zero state.
        """
        x = self.embedding(ids)
        rows = self.labels(labels)[:, None].expand(-1, x.shape[1], -1)
        outputs: Tensor = self.recurrent(torch.cat([x, rows], 2), lengths).outputs
        return outputs

    def losses(
        self, ids: Tensor, lengths: Tensor | None, labels: Tensor, targets: Tensor, mask: Tensor
    ) -> Tensor:
        """-log p of the targets (B, T) where `mask` (B, T), in nats, summed over each row: (B,)."""
        outputs = self.read(ids, lengths, labels)
        each = token_losses(outputs[mask], self.output.weight, self.output.bias, targets[mask])
        whole = each.new_zeros(mask.shape)
        whole[mask] = each
        return whole.sum(1)

    @torch.no_grad()
    def told(self, label: int) -> LanguageModel:
        """What it is for one label; shares all weights but those of the first layer's input."""
        recurrent = copy.deepcopy(self.recurrent)
        cell = next(layer for layer in recurrent.modules() if isinstance(layer, Cell))
        cell.inputs -= self.labels.embedding_dim
        tokens, rows = torch.tensor_split(cell.weight_ih, [cell.inputs], 1)
        shift = rows @ self.labels.weight[label]
        cell.weight_ih = nn.Parameter(tokens.contiguous(), requires_grad=False)
        bias = shift if cell.bias is None else cell.bias + shift
        cell.bias = nn.Parameter(bias, requires_grad=False)
        with torch.device("meta"):  # its own output is not wanted
            model = LanguageModel(self.embedding, recurrent, len(self.output.weight), tied=False)
        model.output = self.output
        return model.train(self.training)
