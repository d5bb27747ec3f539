"""One step at a time, weights laid out for it, equals the network over the whole text."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_language import tiny
from torch import Tensor

from seqcli.answers.options import Options
from seqcli.answers.sampling import Specials, generate
from seqcli.machine.device import choose_precision, cpu_has_bfloat16
from seqcli.nn.models import LanguageModel
from seqcli.nn.stepping import LARGE, Stepper, bfloat16_pays

IDS = torch.tensor([[1, 3, 2, 7, 4, 4, 0], [5, 6, 11, 1, 9, 8, 10]])
BF16 = pytest.mark.skipif(not cpu_has_bfloat16(), reason="this processor has no bfloat16")
HALF = [False, pytest.param(True, marks=BF16)]


def stepped(network: LanguageModel, stepper: Stepper) -> tuple[Tensor, Tensor]:
    """Logits (B, T, V), and those of the tokens that follow (B, T - 1)."""
    shape = [torch.zeros_like(part) for part in network(IDS[:, :1], None)[1][0]]
    state = tuple(tuple(part for part in shape) for _ in network.recurrent.layers)
    rows, chosen = [], []
    for t in range(IDS.shape[1]):
        outputs, state = stepper.advance(IDS[:, t], state)
        rows.append(stepper.logits(outputs))
        if t + 1 < IDS.shape[1]:
            chosen.append(stepper.logit(outputs, IDS[:, t + 1]))
    return torch.stack(rows, 1), torch.stack(chosen, 1)


@pytest.mark.parametrize("half", HALF)
@pytest.mark.parametrize(
    "model",
    [
        {"cell": "lstm"},
        {"cell": "lstm", "bias": False},
        {"cell": "lstm", "activation": "relu"},
        {"cell": "gru"},
        {"cell": "rnn"},
        {"embed": 12, "tied": True},
        {"embed": 0},
    ],
    ids=str,
)
def test_steps_equal_the_whole(model: dict[str, object], half: bool) -> None:
    _, network = tiny(model=model, size=0.4)
    with torch.inference_mode():
        found, chosen = stepped(network, Stepper(network, half=half))
        outputs, _ = network(IDS, None)
        wanted = network.output(outputs)
    exact: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(found, wanted, **({"rtol": 0, "atol": 0.04} if half else exact))
    following = wanted[:, :-1].gather(2, IDS[:, 1:, None])[:, :, 0]
    # in bfloat16 only what the states carry is rounded here, not the logit itself
    torch.testing.assert_close(chosen, following, **({"rtol": 0, "atol": 0.02} if half else exact))
    assert found.dtype == torch.float32
    assert torch.equal(found, wanted) or half == (not torch.allclose(found, wanted, atol=1e-5))


@pytest.mark.parametrize("half", HALF)
def test_an_id_can_be_left_out(half: bool) -> None:
    _, network = tiny()
    with torch.inference_mode():
        found, _ = stepped(network, Stepper(network, half=half, without=3))
    assert (found[:, :, 3] == -torch.inf).all()
    assert found[:, :, [0, 1, 2, 4]].isfinite().all()
    assert network.output.bias.isfinite().all()


@BF16
def test_texts_in_bfloat16_tell_their_probability_nearly_exactly() -> None:
    _, network = tiny(size=0.4)
    options, specials = Options(max_tokens=30), Specials(0, 1)
    (text,) = generate(network, [1], specials, options, seed=4, count=1, half=True)
    ids = [1, *text.ids, *([1] if text.stopped == "end" else [])]
    with torch.no_grad():
        outputs, _ = network(torch.tensor([ids[:-1]]), None)
        logits = network.output(outputs[0])
    logits[:, 0] = -torch.inf
    exact = logits.log_softmax(1).gather(1, torch.tensor(ids[1:])[:, None]).sum()
    assert len(ids) > 3
    assert text.logprob == pytest.approx(float(exact), abs=0.005 * len(ids))


def test_bfloat16_pays_where_there_is_much_to_multiply() -> None:
    _, network = tiny()
    weights = sum(weight.numel() for weight in network.recurrent.parameters())
    weights += network.output.weight.numel()
    rows = -(-LARGE // weights)
    assert bfloat16_pays(network, rows)
    assert not bfloat16_pays(network, rows - 1)
    cpu = torch.device("cpu")
    assert choose_precision("auto", cpu, bfloat16_pays(network, 1)) == "fp32"
