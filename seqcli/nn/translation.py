"""A network that writes one sequence for another: encoder, attention, decoder.

The decoder's state starts from the encoder's (the bridge); at each target step the decoder's
output asks the attention for a context, and tanh of a product with both gives the vector that the
output layer reads (Luong et al. 2015). Without input feeding the recurrence does not wait for the
attention, so a known target goes through it whole, on the fast paths of whole sequences; with it
(`feed`) that vector is part of the next step's input, and training goes step by step too.

Letters: B sources, S source steps, T target steps, N real target steps of a batch, R rows that are
written at one time, M width of the memory, E of embeddings, V rows that can be written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqcli.nn import chance
from seqcli.nn.attention import Attention
from seqcli.nn.cells import State
from seqcli.nn.dropout import dropout
from seqcli.nn.losses import linear_cross_entropy
from seqcli.nn.ragged import length_mask
from seqcli.nn.recurrent import Recurrent


@dataclass(frozen=True, eq=False)
class Memory:
    """What the encoder leaves of each source."""

    values: Tensor  # (B, S, M), zeros past a row's length
    keys: Tensor  # what the attention makes of it
    lengths: Tensor  # (B,)

    def take(self, rows: Tensor) -> Memory:
        """The rows (R,), each as often as it is named."""
        return Memory(self.values[rows], self.keys[rows], self.lengths[rows])


@dataclass(frozen=True, eq=False)
class DecoderState:
    """Where the decoder stands: the state of each layer, and what is fed to the next step."""

    layers: tuple[State, ...]  # each tensor (B, H)
    fed: Tensor | None = None  # (B, E)

    def take(self, rows: Tensor) -> DecoderState:
        """The rows (R,), each as often as it is named."""
        layers = tuple(tuple(part[rows] for part in layer) for layer in self.layers)
        return DecoderState(layers, None if self.fed is None else self.fed[rows])


class Step(NamedTuple):
    """What one target step gives for each of R rows."""

    logits: Tensor  # (R, V), float32
    state: DecoderState
    attention: Tensor  # (R, S), float32


class Bridge(nn.Module):
    """The encoder's last outputs (B, W) -> the decoder's first state: tanh of a product."""

    def __init__(self, width: int, sizes: tuple[int, ...], states: int) -> None:
        """sizes: the decoder's units, layer by layer; states: tensors of a layer's state."""
        super().__init__()
        self.parts = [size for size in sizes for _ in range(states)]
        self.states = states
        self.linear = nn.Linear(width, sum(self.parts))

    def forward(self, last: Tensor) -> tuple[State, ...]:
        """See the class; float32, as the recurrence keeps its states."""
        parts = torch.split(torch.tanh(self.linear(last)).float(), self.parts, 1)
        count = len(self.parts) // self.states
        return tuple(tuple(parts[n * self.states : (n + 1) * self.states]) for n in range(count))


class Output(nn.Module):
    """(N, E) -> a logit for each of V rows: a bias, and weights of its own or the embedding's."""

    def __init__(self, size: int, rows: int, *, tied: bool) -> None:
        super().__init__()
        self.rows = rows
        self.weight = None if tied else nn.Parameter(torch.empty(rows, size))
        self.bias = nn.Parameter(torch.empty(rows))


class Translator(nn.Module):
    """Source ids -> two-way stack -> memory; target ids -> decoder over it -> a logit a row.

    Dropout: on the input of every recurrent layer of both stacks, on the memory (the encoder's
    outputs: its `output_dropout`), and on the vector that the output layer reads
    (`output_dropout`). `word_dropout`: share of the tokens of both sides that read as zeros.
    """

    def __init__(
        self,
        source: nn.Embedding,
        target: nn.Embedding,
        encoder: Recurrent,
        bridge: Bridge,
        decoder: Recurrent,
        attention: Attention,
        *,
        outputs: int,
        tied: bool,
        feed: bool,
        output_dropout: float,
        word_dropout: float,
    ) -> None:
        """source and target may be one module, its first `outputs` rows those that are written.

        tied: the output's weights are these rows.
        """
        super().__init__()
        self.source, self.target = source, target
        self.encoder, self.bridge, self.decoder = encoder, bridge, decoder
        self.attention = attention
        size = target.embedding_dim
        self.combine = nn.Linear(decoder.width + encoder.width, size)
        self.output = Output(size, outputs, tied=tied)
        self.feed, self.output_dropout, self.word_dropout = feed, output_dropout, word_dropout

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Memory, DecoderState]:
        """ids (B, S), lengths (B,), each 1 or more -> the memory, and where the decoder starts."""
        encoded = self.encoder(self._read(self.source, source), lengths)
        values = encoded.outputs
        fed = None
        if self.feed:
            fed = values.new_zeros(len(values), self.combine.out_features, dtype=torch.float32)
        memory = Memory(values, self.attention.keys(values), lengths)
        return memory, DecoderState(self.bridge(encoded.last), fed)

    def step(self, ids: Tensor, state: DecoderState, memory: Memory) -> Step:
        """The step after ids (R,); `state` has R rows, `memory` B, and R is B times K.

        The K rows of a source stand side by side: what is kept of it is there once, and read once.
        """
        outputs, weights, state = self._advance(
            self._read(self.target, ids[:, None]), state, memory
        )
        logits = F.linear(outputs[:, 0], self.output_weight, self.output.bias)
        return Step(logits.float(), state, weights[:, 0])

    @property
    def output_weight(self) -> Tensor:
        """(V, E): the output's own, or the first rows of the target's embedding."""
        own = self.output.weight
        return self.target.weight[: self.output.rows] if own is None else own

    def outputs(
        self, targets: Tensor, state: DecoderState, memory: Memory
    ) -> tuple[Tensor, Tensor]:
        """What the output layer reads at each step of targets (B, T): (B, T, E), and (B, T, S).

        The second are the attention's weights. Steps past a target's end hold anything.
        """
        read = self._read(self.target, targets)
        if not self.feed:
            found, weights, _ = self._advance(read, state, memory)
            return found, weights
        every, looks = [], []
        for x in torch.split(read, 1, 1):
            found, weights, state = self._advance(x, state, memory)
            every.append(found)
            looks.append(weights)
        return torch.cat(every, 1), torch.cat(looks, 1)

    def loss(
        self,
        outputs: Tensor,
        targets: Tensor,
        lengths: Tensor | None,
        dtype: torch.dtype = torch.float32,
        scale: float = 1.0,
        smoothing: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """outputs (B, T, E), targets (B, T) that follow -> the objective, and the sum of losses.

        The objective is `scale` times the sum over the real steps, each smoothed by `smoothing`
        (Szegedy et al. 2016: so much of a target's probability goes evenly to all V rows); the
        sum of losses, in nats, is not smoothed. dtype: of the output layer's product.
        """
        hidden, wanted = _real(outputs, targets, lengths)
        weight, bias = self.output_weight, self.output.bias
        hidden = hidden.float()
        objective, total = linear_cross_entropy(hidden, weight, bias, wanted, dtype, scale)
        if smoothing:  # sum_v u(v) (-log p(v)) = -log p(y) + e (z(y) - mean of all z)
            own = (hidden * weight[wanted]).sum() + bias[wanted].sum()
            mean = hidden.sum(0) @ weight.mean(0) + len(hidden) * bias.mean()
            objective = objective + (own - mean) * (smoothing * scale)
        return objective, total

    def _advance(
        self, x: Tensor, state: DecoderState, memory: Memory
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """Embedded steps (R, T, E), T = 1 where there is input feeding, onwards from `state`."""
        if state.fed is not None:
            x = torch.cat([x, state.fed[:, None].to(x.dtype)], 2)
        decoded = self.decoder(x, state=state.layers, need_state=True)
        outputs = decoded.outputs.to(memory.values.dtype)
        rows, time, size = outputs.shape
        asked = outputs.reshape(len(memory.values), -1, size)  # (B, K T, H), K is 1 in training
        contexts, weights = self.attention(asked, memory.values, memory.keys, memory.lengths)
        contexts, weights = (part.reshape(rows, time, -1) for part in (contexts, weights))
        joined = torch.cat([outputs, contexts], 2)
        found = torch.tanh(self.combine(joined))
        found = dropout(found, self.output_dropout, self.training, locked=False)
        fed = found[:, -1].float() if state.fed is not None else None
        return found, weights, DecoderState(decoded.state, fed)

    def _read(self, embedding: nn.Embedding, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, E), in training some of them as zeros."""
        x: Tensor = embedding(ids)
        if self.training and self.word_dropout:
            keep = chance.uniform(ids) >= self.word_dropout
            x = x * keep[:, :, None]
        return x


def _real(outputs: Tensor, targets: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """The real steps of (B, T, E) and (B, T): (N, E) and (N,), row by row."""
    flat, wanted = outputs.flatten(0, 1), targets.flatten()
    if lengths is None:
        return flat, wanted
    places = length_mask(lengths, targets.shape[1]).flatten().nonzero().squeeze(1)
    return flat.index_select(0, places), wanted.index_select(0, places)
