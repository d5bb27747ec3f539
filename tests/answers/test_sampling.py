"""Draws follow the distribution; texts follow a naive sampler that reads everything anew."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_language import counted_text, tiny
from torch import Tensor

from seqcli.answers import sampling
from seqcli.answers.drawing import choose, penalized, restricted
from seqcli.answers.options import Options
from seqcli.answers.sampling import Drawn, Specials, generate
from seqcli.nn.drawing import draw, tempered
from seqcli.nn.kneser_ney import KneserNey
from seqcli.nn.models import LanguageModel

BOTH = Specials(0, 1)  # of tiny_language's words
NEITHER = Specials(None, None)
TEN = torch.tensor([[2.0, -1.0, 0.5, 2.0, -3.0, 0.0, 1.0, 1.0, -0.5, 0.25]])


def evenly(count: int) -> np.ndarray:
    return np.random.default_rng(1).random(count)


def chi_square(counts: np.ndarray, shares: np.ndarray) -> float:
    """Deviations from the expected value, with as many degrees of freedom as cells less one."""
    expected = shares * counts.sum()
    assert counts[expected == 0].sum() == 0
    cells = expected > 0
    statistic = ((counts - expected)[cells] ** 2 / expected[cells]).sum()
    freedom = int(cells.sum()) - 1
    return float((statistic - freedom) / math.sqrt(2 * freedom))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("size", [10, 64, 200])
def test_draws_match_softmax_without_the_unknown(temperature: float, size: int) -> None:
    logits = (torch.arange(size) * 7.0).cos()[None] * 2
    logits[0, 3] = -torch.inf
    rows = tempered(logits, temperature).expand(1000, -1)
    numbers = evenly(100_000).reshape(100, 1000)
    drawn = np.concatenate([draw(rows, part) for part in numbers])
    counts = np.bincount(drawn, minlength=size)
    assert counts[3] == 0
    shares = (logits[0].double() / temperature).softmax(0).numpy()
    assert abs(chi_square(counts, shares)) < 4


@given(
    st.lists(st.floats(-30, 30) | st.just(-math.inf), min_size=1, max_size=200),
    st.floats(0, 1, exclude_max=True) | st.just(1 - 2**-53),
)
def test_a_draw_inverts_the_distribution_function(values: list[float], number: float) -> None:
    if max(values) == -math.inf:
        return
    logits = torch.tensor([values])
    drawn = int(draw(logits, np.array([number]))[0])
    shares = logits[0].double().softmax(0)
    assert shares[drawn] > 0
    below = float(shares[:drawn].sum())
    assert below - 1e-5 <= number <= below + float(shares[drawn]) + 1e-5


@pytest.mark.parametrize("shift", [-200.0, -80.0, 0.0, 80.0, 200.0])
@pytest.mark.parametrize("rows", [2, 5])
def test_logits_beyond_the_range_of_exp_change_nothing(shift: float, rows: int) -> None:
    numbers = evenly(rows)
    plain = choose(TEN.expand(rows, -1), None, Options(), numbers)
    moved = choose(TEN.expand(rows, -1) + shift, None, Options(), numbers)
    assert moved[0].tolist() == plain[0].tolist()
    for one, other in zip(moved[1:], plain[1:], strict=True):
        assert one == pytest.approx(other + shift, abs=1e-4)


def test_a_token_without_weight_is_never_drawn() -> None:
    """Neither at the ends, where rounding could reach past the last one that has weight."""
    logits = torch.tensor([[-math.inf, 1.0, -math.inf, 0.0, -math.inf]])
    for rows in (1, 5):
        for number in (0.0, 1 - 2**-53):
            found = choose(logits.expand(rows, -1), None, Options(), np.full(rows, number))[0]
            assert set(found.tolist()) == {3 if number else 1}


def test_draw_leaves_its_logits_alone() -> None:
    before = TEN.clone()
    draw(TEN, np.array([0.5]))
    assert torch.equal(TEN, before)


@pytest.mark.parametrize("temperature", [1e-300, 1e-30, 1e-6])
def test_cold_draws_are_the_likeliest(temperature: float) -> None:
    logits = TEN.clone()
    logits[0, 3] = -torch.inf
    found = draw(tempered(logits.expand(50, -1), temperature), evenly(50))
    assert set(found.tolist()) == {0}


@pytest.mark.parametrize("temperature", [1e300, 1e30])
def test_hot_draws_are_uniform(temperature: float) -> None:
    logits = TEN.clone()
    logits[0, 3] = -torch.inf
    rows = tempered(logits, temperature).expand(20_000, -1)
    counts = np.bincount(draw(rows, evenly(20_000)), minlength=10)
    assert counts[3] == 0
    assert abs(chi_square(counts, np.where(np.arange(10) == 3, 0, 1 / 9))) < 4


def kept(values: Iterable[float], top_k: int, top_p: float) -> list[int]:
    logits = torch.tensor([list(values)])
    found = restricted(logits, top_k, top_p)
    inside = torch.isfinite(found[0])
    assert torch.equal(found[0][inside], logits[0][inside])
    return torch.nonzero(inside)[:, 0].tolist()


@given(
    st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=40),
    st.integers(0, 45),
    st.sampled_from([0.01, 0.3, 0.5, 0.9, 0.999, 1.0]),
)
def test_top_k_and_top_p_keep_exactly(values: list[float], top_k: int, top_p: float) -> None:
    order = sorted(range(len(values)), key=lambda place: (-values[place], place))
    order = order[: top_k or None]
    weights = np.exp([values[place] for place in order])
    shares = weights / weights.sum()
    if top_p < 1:
        least = next(n for n in range(1, len(order) + 1) if shares[:n].sum() >= top_p * (1 - 1e-9))
        order = order[:least]
    assert kept(values, top_k, top_p) == sorted(order)


def test_of_equal_ones_the_lower_ids_stay() -> None:
    assert kept([1.0] * 8, 3, 1.0) == [0, 1, 2]
    assert kept([1.0] * 8, 0, 0.5) == [0, 1, 2, 3]
    assert kept([1.0] * 10, 0, 0.9) == list(range(9))
    assert kept([0.0, 5.0, 5.0], 0, 1e-9) == [1]
    assert kept([0.0, -math.inf, 1.0], 2, 1.0) == [0, 2]


def test_each_row_has_its_own_limit() -> None:
    logits = torch.tensor([[9.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = torch.isfinite(restricted(logits, 0, 0.9))
    assert found.tolist() == [[True, False, False], [True, True, True]]


def test_repetition_penalty() -> None:
    logits = torch.tensor([[2.0, -2.0, 2.0, -2.0, 0.0, -torch.inf]])
    seen = torch.tensor([[True, True, False, False, True, True]])
    found = penalized(logits, seen, 2.0)
    assert found.tolist() == [[1.0, -4.0, 2.0, -2.0, 0.0, -math.inf]]
    for extreme in (1e-300, 1e300):
        assert not penalized(logits, seen, extreme).isnan().any()


def naive(
    network: LanguageModel, prompt: list[int], specials: Specials, options: Options, row: int
) -> Drawn:
    """One text by the definition, in float64, the whole of it read again for every token."""
    stream = np.random.default_rng([5, row])
    ids, logprob, lines, text = list(prompt), 0.0, options.lines, list[int]()
    while len(ids) - len(prompt) < options.max_tokens:
        outputs, _ = network(torch.tensor([ids]), None)
        logits = network.output(outputs[0, -1]).double()
        if network.grams is not None:
            logits = _beside(network.grams, ids, logits)
        if specials.unknown is not None:
            logits[specials.unknown] = -torch.inf
        said = [token for token in ids if token != specials.end]
        token = _naive_choice(logits, said, options, stream.random())
        logprob += float(logits.log_softmax(0)[token])
        ids.append(token)
        if token == specials.end:
            lines -= 1
            if lines == 0:
                return Drawn(tuple(text), logprob, "end")
        text.append(token)
    return Drawn(tuple(text), logprob, "length")


def _beside(grams: KneserNey, ids: list[int], logits: Tensor) -> Tensor:
    nodes, share = grams.nowhere(1), grams.share
    for token in ids:
        nodes = grams.read(torch.tensor([token]), nodes)
    counted = grams.distribution(nodes)[0].double()
    return (logits.softmax(0) * (1 - share) + counted * share).log() + logits.logsumexp(0)


def _naive_choice(logits: Tensor, ids: list[int], options: Options, number: float) -> int:
    values = logits.tolist()
    for token in set(ids):
        value = values[token]
        times = options.repetition_penalty
        values[token] = value / times if value > 0 else value * times
    order = sorted(range(len(values)), key=lambda token: (-values[token], token))
    if options.greedy:
        return order[0]
    order = order[: options.top_k or None]
    weights = np.exp((np.array(values) - max(values)) / options.temperature)
    outside = [token for token in range(len(values)) if token not in order]
    weights[outside] = 0
    weights /= weights.sum()
    if options.top_p < 1:
        sums = np.cumsum(weights[order])
        weights[order[int((sums < options.top_p).sum()) + 1 :]] = 0
        weights /= weights.sum()
    return int((np.cumsum(weights) <= number).sum())


def equal(found: list[Drawn], wanted: list[Drawn]) -> None:
    assert [text.ids for text in found] == [text.ids for text in wanted]
    assert [text.stopped for text in found] == [text.stopped for text in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        {"cell": "lstm"},
        {"cell": "gru"},
        {"cell": "rnn"},
        {"ngrams": 1, "ngram_share": 0.5},
        {"ngrams": 4, "ngram_share": 0.6},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "options",
    [
        Options(max_tokens=25),
        Options(max_tokens=25, temperature=0.5),
        Options(max_tokens=25, temperature=1.5, lines=3),
        Options(max_tokens=25, top_k=3),
        Options(max_tokens=25, top_p=0.7, temperature=1.3),
        Options(max_tokens=25, top_k=6, top_p=0.8),
        Options(max_tokens=25, repetition_penalty=1.5),
        Options(max_tokens=25, repetition_penalty=3.0, greedy=True),
        Options(max_tokens=25, greedy=True),
        Options(max_tokens=1),
    ],
    ids=lambda options: ",".join(f"{k}={v}" for k, v in vars(options).items() if k != "max_tokens"),
)
def test_texts_equal_those_of_a_naive_sampler(model: dict[str, Any], options: Options) -> None:
    """Also shows that texts which end early leave the others as they are."""
    _, network = tiny(model=model, size=0.6)
    prompt = [1, 3, 2, 7]
    found = list(generate(network, prompt, BOTH, options, seed=5, count=12))
    with torch.no_grad():
        wanted = [naive(network, prompt, BOTH, options, row) for row in range(12)]
    equal(found, wanted)
    assert all(0 not in text.ids for text in found)
    lines = {sum(token == 1 for token in text.ids) for text in found if text.stopped == "end"}
    assert lines <= {options.lines - 1}


def test_some_end_early_and_some_do_not() -> None:
    """The test above is one of compaction only where lengths differ."""
    _, network = tiny(size=0.6)
    texts = list(generate(network, [1], BOTH, Options(max_tokens=10), seed=5, count=40))
    assert {text.stopped for text in texts} == {"end", "length"}
    assert len({len(text.ids) for text in texts}) > 4


def test_drawn_tokens_follow_the_model() -> None:
    """First tokens of many texts match the softmax without the unknown word."""
    _, network = tiny(size=0.6)
    options = Options(max_tokens=1, lines=2)
    texts = generate(network, [1], BOTH, options, seed=1, count=20_000)
    counts = np.bincount([text.ids[0] for text in texts], minlength=12)
    with torch.no_grad():
        logits = network.output(network(torch.tensor([[1]]), None)[0][0, 0]).double()
    logits[0] = -torch.inf
    assert abs(chi_square(counts, logits.softmax(0).numpy())) < 4


def test_a_text_does_not_depend_on_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    _, network = tiny(size=0.6)
    options = Options(max_tokens=300, lines=40)  # past one stretch of random numbers
    five = list(generate(network, [1], BOTH, options, seed=3, count=5))
    equal(list(generate(network, [1], BOTH, options, seed=3, count=2)), five[:2])
    monkeypatch.setattr(sampling, "TOGETHER", 2)
    equal(list(generate(network, [1], BOTH, options, seed=3, count=5)), five)
    other = list(generate(network, [1], BOTH, options, seed=4, count=5))
    assert [text.ids for text in other] != [text.ids for text in five]


def test_a_long_prompt_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    _, network = tiny(size=0.6)
    prompt = [1, *([2, 3, 4, 5, 7] * 9)]
    whole = list(generate(network, prompt, BOTH, Options(), seed=3, count=2))
    monkeypatch.setattr(sampling, "READ", 7)
    equal(list(generate(network, prompt, BOTH, Options(), seed=3, count=2)), whole)


def test_without_special_rows_a_text_goes_on_to_its_length() -> None:
    _, network = tiny(size=0.6)
    texts = list(generate(network, [1], NEITHER, Options(max_tokens=7), seed=1, count=3))
    assert [(len(text.ids), text.stopped) for text in texts] == [(7, "length")] * 3


def test_every_token_is_told_but_the_closing_mark() -> None:
    _, network = tiny(size=0.6)
    for seed in range(8):
        heard: list[int] = []
        options = Options(max_tokens=12, lines=2)
        (text,) = generate(network, [1], BOTH, options, seed=seed, count=1, tell=heard.append)
        assert tuple(heard) == text.ids


def test_the_caller_is_not_in_inference_mode() -> None:
    _, network = tiny()
    texts = generate(network, [1], BOTH, Options(max_tokens=3), seed=1, count=2)
    next(texts)
    assert not torch.is_inference_mode_enabled()


def test_polled_at_every_step() -> None:
    steps = iter(range(5))
    _, network = tiny()

    def poll() -> None:
        if next(steps) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(generate(network, [1], NEITHER, Options(), seed=1, count=3, poll=poll))


@pytest.mark.parametrize("penalty", [1.5, 5.0, 0.2])
def test_marks_are_outside_of_the_penalty(penalty: float) -> None:
    """As many texts are empty, and as many end where their words alone would end them."""
    _, network = tiny(size=0.6)
    options = Options(max_tokens=1, lines=2)
    plain = list(generate(network, [1], BOTH, options, seed=1, count=500))
    options = Options(max_tokens=1, lines=2, repetition_penalty=penalty)
    equal(list(generate(network, [1], BOTH, options, seed=1, count=500)), plain)
    line = Specials(None, None, start=2)  # a character model's line end: the program's own here
    plain = list(generate(network, [], line, Options(max_tokens=1), seed=1, count=500))
    options = Options(max_tokens=1, repetition_penalty=penalty)
    equal(list(generate(network, [], line, options, seed=1, count=500)), plain)
    said = list(generate(network, [2], line, options, seed=1, count=500))  # the person's own
    assert [text.ids for text in said] != [text.ids for text in plain]


def test_a_start_is_read_in_place_of_an_empty_prompt() -> None:
    _, network = tiny(size=0.6)
    options = Options(max_tokens=9)
    found = list(generate(network, [], Specials(0, 1, start=1), options, seed=3, count=3))
    equal(found, list(generate(network, [1], BOTH, options, seed=3, count=3)))


@pytest.mark.parametrize("half", [False, True])
def test_without_a_start_texts_begin_as_those_that_were_trained_on(half: bool) -> None:
    _, network = tiny(size=0.6)
    specials = Specials(0, None, starts={3: 1, 5: 2, 0: 9})
    options = Options(max_tokens=4)
    texts = list(generate(network, [], specials, options, seed=1, count=6000, half=half))
    counts = np.bincount([text.ids[0] for text in texts], minlength=12)
    shares = np.zeros(12)
    shares[[3, 5]] = 1 / 3, 2 / 3  # the unknown word begins no text
    assert abs(chi_square(counts, shares)) < 4
    if half:
        return
    for row, text in enumerate(texts[:20]):  # and go on from it alone
        first = text.ids[:1]
        stream = np.random.default_rng([1, row])
        stream.random()
        ids, logprob = list(first), math.log(shares[first[0]])
        for _ in range(3):
            with torch.no_grad():
                logits = network.output(network(torch.tensor([ids]), None)[0][0, -1]).double()
            logits[0] = -torch.inf
            ids.append(_naive_choice(logits, [], Options(), stream.random()))
            logprob += float(logits.log_softmax(0)[ids[-1]])
        assert tuple(ids) == text.ids
        assert text.logprob == pytest.approx(logprob, abs=1e-4)


def test_an_older_model_file_knows_no_starts() -> None:
    _, network = tiny(size=0.6)
    options = Options(max_tokens=1)
    texts = list(generate(network, [], Specials(0), options, seed=1, count=6000))
    counts = np.bincount([text.ids[0] for text in texts], minlength=12)
    assert abs(chi_square(counts, np.where(np.arange(12) == 0, 0, 1 / 11))) < 4


def test_texts_begin_as_others_did_with_n_grams_too() -> None:
    """Nothing was read before the first token: what follows is as if that had been the prompt."""
    _, network = tiny(model={"ngrams": 4, "ngram_share": 0.6}, size=0.6)
    specials, options = Specials(starts={3: 1}), Options(max_tokens=8)
    begun = list(generate(network, [], specials, options, seed=5, count=3))
    assert all(text.ids[0] == 3 for text in begun)
    for text in begun:
        nodes, logprob = None, 0.0
        ids = torch.tensor([text.ids])
        with torch.no_grad():
            outputs, _ = network(ids[:, :-1], None)
            logprob = -network.answered(outputs, ids[:, :-1], ids[:, 1:], nodes)[0].item()
        assert text.logprob == pytest.approx(logprob, abs=1e-4)


@pytest.mark.parametrize("size", [1, 3, 5, 100, 5000])
def test_a_long_prompt_is_known_to_the_n_grams(size: int) -> None:
    _, network = tiny(model={"ngrams": 4, "ngram_share": 0.9}, size=0.6)
    prompt = (counted_text(12, size) % 10 + 2).tolist()
    options = Options(max_tokens=3)
    found = list(generate(network, prompt, BOTH, options, seed=5, count=2))
    with torch.no_grad():
        equal(found, [naive(network, prompt, BOTH, options, row) for row in range(2)])
