"""Networks that read numbers: windows of steps, noise while training, and a label for a whole."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from seqcli.nn import chance
from seqcli.nn.dropout import dropout
from seqcli.nn.heads import Dense, ReadOut, log_probabilities
from seqcli.nn.ragged import length_mask
from seqcli.nn.recurrent import Recurrent


def windows(
    x: Tensor, lengths: Tensor | None, size: int, stride: int
) -> tuple[Tensor, Tensor | None]:
    """x (B, T, C), zero past a row's length -> (B, ceil(T / stride), size * C), and lengths.

    Window j holds the steps from j * stride - (size - 1) // 2 on, zeros where there are none. A row
    of n steps has ceil(n / stride) windows; what begins past its end is zero.
    """
    if size == 1 and stride == 1:
        return x, lengths
    before, count = (size - 1) // 2, -(-x.shape[1] // stride)
    after = max((count - 1) * stride + size - before - x.shape[1], 0)
    padded = F.pad(x, (0, 0, before, after))
    found = padded.unfold(1, size, stride)[:, :count]  # (B, T', C, size)
    flat = found.transpose(2, 3).flatten(2)
    if lengths is None:
        return flat, None
    left = (lengths + stride - 1) // stride
    return flat * length_mask(left, count)[:, :, None], left


class SignalClassifier(nn.Module):
    """numbers -> windows -> recurrent stack -> read-out -> dense head -> log-probabilities.

    With a `log_prior` the answer, not what is trained, is divided by it, as in TextClassifier.
    """

    shift: Tensor | None

    def __init__(
        self,
        recurrent: Recurrent,
        read_out: ReadOut,
        dense: Dense,
        *,
        head: str,
        window: int = 1,
        stride: int = 1,
        noise: float = 0.0,
        log_prior: Tensor | None = None,
        output_dropout: float = 0.0,
    ) -> None:
        """log_prior (C,): only its differences count."""
        super().__init__()
        self.recurrent, self.read_out, self.dense = recurrent, read_out, dense
        self.head, self.window, self.stride = head, window, stride
        self.noise, self.output_dropout = noise, output_dropout
        self.register_buffer("shift", log_prior, persistent=False)

    def logits(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """values (B, T, E), lengths (B,) or None (all T) -> (B, C), or (B, 1) of a sigmoid."""
        if self.training and self.noise:
            noise = self.noise * chance.normal(values)
            if lengths is not None:
                noise = noise * length_mask(lengths, values.shape[1])[:, :, None]
            values = values + noise
        x, left = windows(values, lengths, self.window, self.stride)
        encoded = self.recurrent(x, left)
        whole = dropout(self.read_out(encoded, left), self.output_dropout, self.training)
        found: Tensor = self.dense(whole).float()
        return found

    def answer(self, trained: Tensor) -> Tensor:
        """Log-probabilities as trained, (B, C) -> the model's answer."""
        return trained if self.shift is None else F.log_softmax(trained - self.shift, 1)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """As `logits` -> log-probabilities (B, C)."""
        return self.answer(log_probabilities(self.logits(values, lengths), self.head))
