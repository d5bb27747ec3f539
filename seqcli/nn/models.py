"""Whole networks, put together from the parts of this folder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcli.nn.heads import Dense, OneHot, ReadOut, log_probabilities
from seqcli.nn.recurrent import Recurrent
from seqcli.nn.wide import Wide


class TextClassifier(nn.Module):
    """ids -> embedding -> recurrent stack -> read-out -> dense head -> log-probabilities.

    Where there is a `wide` part, its logits (a linear layer on hashed n-grams) are added.
    """

    def __init__(
        self,
        embedding: nn.Embedding | OneHot,
        recurrent: Recurrent,
        read_out: ReadOut,
        dense: Dense,
        *,
        head: str,
        wide: Wide | None = None,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding, self.recurrent = embedding, recurrent
        self.read_out, self.dense, self.wide = read_out, dense, wide
        self.head, self.word_dropout = head, word_dropout

    def forward(
        self, ids: Tensor, lengths: Tensor | None, features: tuple[Tensor, ...] | None = None
    ) -> Tensor:
        """ids (B, T), lengths (B,) or None (all T), features of `Wide` -> (B, C)."""
        x = self.embedding(ids)
        if self.training and self.word_dropout:
            keep = torch.rand(ids.shape, device=ids.device) >= self.word_dropout
            x = x * keep[:, :, None]
        encoded = self.recurrent(x, lengths)
        logits = self.dense(self.read_out(encoded, lengths)).float()
        if self.wide is not None and features is not None:
            logits = logits + self.wide(*features)
        return log_probabilities(logits, self.head)
