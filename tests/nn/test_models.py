"""Built models against the counts of `counting.py` and the published figures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, nn

from seqcli.errors import ConfigError
from seqcli.kinds.classifier.network import text_classifier
from seqcli.kinds.classifier.spec import Model
from seqcli.kinds.classifier.spec import count as count_classifier
from seqcli.kinds.language_model.network import language_model
from seqcli.kinds.language_model.spec import Model as Words
from seqcli.kinds.language_model.spec import count as count_words
from seqcli.nn.cells import ACTIVATIONS
from seqcli.nn.heads import READ_OUTS
from seqcli.nn.init import SCHEMES
from seqcli.nn.models import TextClassifier
from seqcli.nn.recurrent import MERGES
from seqcli.settings.counting import FORMULAS, Sizes

torch.set_num_threads(1)


def build(model: Model, vocabulary: int, labels: int) -> TextClassifier:
    return text_classifier(model, vocabulary, (1,) * labels, Generator().manual_seed(0))


def sizes(model: nn.Module) -> tuple[int, int]:
    weights = list(model.parameters())
    return (
        sum(weight.numel() for weight in weights),
        sum(weight.numel() for weight in weights if weight.requires_grad),
    )


MODELS = st.builds(
    Model,
    cell=st.sampled_from([*FORMULAS]),
    embed=st.sampled_from([0, 1, 6]),
    hidden=st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple),
    bidirectional=st.booleans(),
    merge=st.sampled_from(["concat", "sum", "mul", "ave"]),
    reset_after=st.booleans(),
    bias=st.booleans(),
    unit_forget_bias=st.booleans(),
    backwards=st.booleans(),
    read_out=st.lists(st.sampled_from(READ_OUTS), min_size=1, max_size=4, unique=True).map(tuple),
    dense=st.lists(st.integers(1, 5), max_size=2).map(tuple),
    head=st.sampled_from(["softmax", "sigmoid"]),
    init=st.sampled_from([*SCHEMES]),
    freeze_vectors=st.booleans(),
    wide_words=st.sampled_from([(), (1,)]),
    wide_characters=st.sampled_from([(), (2, 3)]),
    wide_buckets=st.integers(2, 40),
)


@settings(max_examples=150, deadline=None)
@given(MODELS, st.integers(1, 12), st.integers(2, 5))
def test_what_is_built_is_what_is_counted(model: Model, vocabulary: int, labels: int) -> None:
    labels = 2 if model.head == "sigmoid" else labels
    table = count_classifier(model, Sizes(vocabulary, outputs=labels))
    network = build(model, vocabulary, labels).eval()
    assert sizes(network) == (table.total, table.trainable)
    ids = torch.randint(0, vocabulary, (3, 4), dtype=torch.int32)
    features = (torch.tensor([0, 1]), torch.tensor([0, 1, 1]), torch.ones(2))
    found = network(ids, torch.tensor([4, 2, 0]), features)
    assert found.shape == (3, labels)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(3))


def imdb(cell: str, **options: Any) -> Model:
    return Model(cell=cell, embed=100, hidden=(64, 64), head="sigmoid", **options)


@pytest.mark.parametrize(
    ("model", "vocabulary", "labels", "total", "trainable"),
    [
        (imdb("rnn"), 10_000, 2, 1_018_881, 1_018_881),  # S2
        (imdb("lstm", dense=(64,)), 10_000, 2, 1_079_489, 1_079_489),  # S4
        (imdb("lstm", dense=(64,), freeze_vectors=True), 10_000, 2, 1_079_489, 79_489),
        (imdb("gru", dense=(64,)), 10_000, 2, 1_061_057, 1_061_057),
        (Model(cell="rnn", embed=0, hidden=(128,)), 57, 18, 26_130, 26_130),  # S5
    ],
)
def test_published_sizes(
    model: Model, vocabulary: int, labels: int, total: int, trainable: int
) -> None:
    assert sizes(build(model, vocabulary, labels)) == (total, trainable)


ZAREMBA = [(200, 2, 4_651_600), (650, 2, 19_775_200), (1500, 2, 66_022_000), (2, 1, 50_040)]


@pytest.mark.parametrize(("hidden", "layers", "total"), ZAREMBA)
def test_published_language_models(hidden: int, layers: int, total: int) -> None:
    """reference.md S3."""
    model = Words(embed=hidden, hidden=(hidden,), layers=layers)
    with torch.device("meta"):
        assert sizes(language_model(model, 10_000, None)) == (total, total)


@settings(max_examples=60, deadline=None)
@given(MODELS, st.integers(1, 12), st.booleans())
def test_a_language_model_is_what_is_counted(model: Model, vocabulary: int, tied: bool) -> None:
    shared = {name: value for name, value in vars(model).items() if name in vars(Words())}
    words = Words(**{**shared, "tied": tied, "embed": model.hidden[-1] if tied else model.embed})
    table = count_words(words, Sizes(vocabulary))
    network = language_model(words, vocabulary, Generator().manual_seed(0)).eval()
    assert sizes(network) == (table.total, table.trainable)
    assert all(weight.isfinite().all() for weight in network.parameters())
    ids = torch.randint(0, vocabulary, (3, 4))
    outputs, state = network(ids, None)
    assert network.output(outputs).shape == (3, 4, vocabulary)
    first = network(ids[:, :2], None)[1]
    again, state_again = network(ids[:, 2:], first)
    torch.testing.assert_close(again, outputs[:, 2:])
    torch.testing.assert_close(state_again, state)


@pytest.mark.parametrize("embed", [0, 4])
def test_tied_weights_of_unequal_sizes_are_refused(embed: int) -> None:
    with pytest.raises(ConfigError, match="tied weights need equal sizes"):
        language_model(Words(embed=embed, hidden=(5,), tied=True), 9, None)


def test_a_one_hot_model_reads_rows_of_its_input_weights() -> None:
    """reference.md S5: h = ReLU(W [x, h] + b), logits from the last h."""
    model = Model(cell="rnn", activation="relu", embed=0, hidden=(5,), init="linear")
    network = build(model, 7, 3)
    cell: Any = network.recurrent.layers[0][0].cell  # type: ignore[index]
    h = torch.zeros(5)
    for token in (3, 0, 6):
        h = torch.relu(cell.weight_ih[:, token] + cell.weight_hh @ h + cell.bias)
    output = network.dense.output
    expected = (output.weight @ h + output.bias).log_softmax(0)
    torch.testing.assert_close(network(torch.tensor([[3, 0, 6]]), None)[0], expected)


def test_settings_are_names_the_network_knows() -> None:
    fields = Model.__dataclass_fields__

    def choices(name: str) -> set[str]:
        return set(fields[name].metadata["choices"])

    assert choices("activation") <= ACTIVATIONS.keys()
    assert choices("recurrent_activation") <= ACTIVATIONS.keys()
    assert choices("merge") <= set(MERGES)
    assert choices("read_out") == set(READ_OUTS)
    assert choices("init") == SCHEMES.keys()


def test_settings_reach_the_network() -> None:
    model = Model(
        dropout=0.1,
        output_dropout=0.2,
        recurrent_dropout=0.3,
        word_dropout=0.4,
        dense=(3,),
        dense_dropout=0.5,
        dropout_mask="sequence",
        backwards=True,
        layers=2,
        hidden=(4,),
    )
    network = build(model, 9, 2)
    stack: Any = network.recurrent
    assert (stack.dropout, stack.output_dropout, stack.locked) == (0.1, 0.0, True)
    assert [layer[0].recurrent_dropout for layer in stack.layers] == [0.3, 0.3]
    assert [layer[0].backwards for layer in stack.layers] == [True, True]
    assert (network.word_dropout, network.dense.rate) == (0.4, 0.5)
    assert network.output_dropout == 0.2  # of the read-out, not of the steps before it


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_model_learns_the_first_token(cell: str) -> None:
    """Loss falls by gradients that pass through every step, in company and alone."""
    network = build(Model(cell=cell, embed=8, hidden=(8,)), 6, 2)
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(2, 6, (64, 8), generator=draw)
    labels = torch.randint(0, 2, (64,), generator=draw)
    ids[:, 0] = labels
    lengths = torch.randint(1, 9, (64,), generator=draw)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.nll_loss(network(ids, lengths), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.1
    assert (network(ids, lengths).argmax(1) == labels).all()
