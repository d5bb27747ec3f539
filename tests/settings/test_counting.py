"""The tables of the reference, and what holds for every table."""

import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import ConfigError
from seqcli.kinds import KINDS
from seqcli.kinds.classifier.spec import Model
from seqcli.kinds.language_model.spec import Model as Words
from seqcli.settings.counting import FORMULAS, Sizes, fit_budget
from seqcli.settings.sections import MAX_SIZE, TokenLayers
from seqcli.settings.table import Table

LM = "language-model"


def count(model: TokenLayers, **sizes: int | None) -> Table:
    """The table of a kind's network."""
    spec = next(spec for spec in KINDS.values() if spec.model is type(model))
    return spec.count(model, Sizes(**sizes))


LSTM_12 = Model(cell="lstm", hidden=(12,))
GRU_12 = Model(cell="gru", hidden=(12,))
IMDB = Model(embed=100, hidden=(64, 64), dense=(64,), head="sigmoid")


@pytest.mark.parametrize(
    ("model", "total", "torch_total"),
    [
        (LSTM_12, 2_064, 2_112),
        (replace(LSTM_12, bidirectional=True), 4_128, 4_224),
        (GRU_12, 1_584, 1_584),
        (replace(GRU_12, bidirectional=True), 3_168, 3_168),
        (replace(GRU_12, reset_after=False), 1_548, None),
        (replace(GRU_12, reset_after=False, bidirectional=True), 3_096, None),
        (replace(LSTM_12, bias=False), 2_016, 2_016),
        (replace(GRU_12, bias=False), 1_512, 1_512),
        (Model(cell="rnn", hidden=(12,)), 516, 528),
    ],
)
def test_layers_of_the_reference(model: Model, total: int, torch_total: int | None) -> None:
    table = count(model, inputs=30)
    assert (table.total, table.torch_total) == (total, torch_total)
    assert table.trainable == total
    assert table.bytes == 4 * total


def test_stack_with_dense_layers_and_no_output() -> None:
    model = Model(hidden=(64, 64, 128, 192, 256), dense=(256, 256))
    table = count(model, inputs=3)
    expected = [17_408, 33_024, 98_816, 246_528, 459_776, 65_792, 65_792]
    assert [row.parameters for row in table.rows] == expected
    assert table.total == 987_136


@pytest.mark.parametrize(
    ("model", "vocabulary", "outputs", "total"),
    [
        (IMDB, 10_000, 2, 1_079_489),
        (replace(IMDB, cell="gru"), 10_000, 2, 1_061_057),
        (replace(IMDB, cell="rnn", dense=()), 10_000, 2, 1_018_881),
        (Model(cell="rnn", embed=0, hidden=(128,)), 57, 18, 26_130),
    ],
)
def test_classifiers_of_the_reference(
    model: Model, vocabulary: int, outputs: int, total: int
) -> None:
    assert count(model, vocabulary=vocabulary, outputs=outputs).total == total


def test_frozen_embedding_is_counted_but_not_trained() -> None:
    table = count(replace(IMDB, freeze_vectors=True), vocabulary=10_000, outputs=2)
    assert (table.total, table.trainable) == (1_079_489, 79_489)


@pytest.mark.parametrize(
    ("hidden", "layers", "total"),
    [(200, 2, 4_651_600), (650, 2, 19_775_200), (1500, 2, 66_022_000), (2, 1, 50_040)],
)
def test_ptb(hidden: int, layers: int, total: int) -> None:
    model = Words(embed=hidden, hidden=(hidden,), layers=layers)
    table = count(model, vocabulary=10_000, time=20, batch=20)
    assert table.total == total
    assert table.rows[-1].output == (20, 20, 10_000)
    tied = count(replace(model, tied=True), vocabulary=10_000)
    assert total - tied.total == 10_000 * hidden


def test_shapes_and_final_states() -> None:
    both = replace(LSTM_12, bidirectional=True)
    table = count(both, inputs=30, time=20, batch=10)
    assert table.rows[0].output == (10, 20, 24)
    names = ("forward h", "forward c", "backward h", "backward c")
    assert table.states == (("lstm", names, (10, 12)),)
    assert count(replace(both, merge="sum"), inputs=30).rows[0].output == (None, None, 12)
    assert count(GRU_12, inputs=30, batch=10).states == (("gru", ("h",), (10, 12)),)


def test_merge_mode_sets_the_width_of_the_next_layer() -> None:
    model = Model(hidden=(8, 8), bidirectional=True)
    wide, narrow = (count(replace(model, merge=m), inputs=5).total for m in ("concat", "ave"))
    assert wide - narrow == 2 * 4 * 8 * 8


def test_attention_read_outs_and_wide_part() -> None:
    model = Model(embed=4, hidden=(6,), read_out=("last", "mean", "attention"), wide_words=(1,))
    table = count(replace(model, wide_buckets=100), vocabulary=10, outputs=3)
    parts = {row.name: row.parameters for row in table.rows}
    assert parts["read-out: last, mean, attention"] == 6 * 6 + 2 * 6
    assert parts["output"] == 18 * 3 + 3
    assert parts["n-gram table"] == 300 + 3
    single = count(replace(model, wide_buckets=100, head="sigmoid"), vocabulary=10, outputs=2)
    assert single.rows[-1].parameters == 100 + 1


def test_work_and_memory() -> None:
    table = count(replace(LSTM_12, dense=(5,)), inputs=30)
    assert table.multiply_adds_per_step == 4 * 12 * (30 + 12)
    assert table.multiply_adds(time=20, batch=10) == 10 * (20 * 2_016 + 12 * 5)
    assert table.activation_bytes(time=20, batch=10) == 4 * 10 * (20 * 6 * 12 + 5)
    one_hot = count(replace(LSTM_12, embed=0), vocabulary=30)
    assert one_hot.multiply_adds_per_step == 4 * 12 * 12


models = st.builds(
    Model,
    cell=st.sampled_from(sorted(FORMULAS)),
    embed=st.integers(0, 9),
    hidden=st.lists(st.integers(1, 20), min_size=1, max_size=4).map(tuple),
    bidirectional=st.booleans(),
    merge=st.sampled_from(["concat", "sum", "mul", "ave"]),
    reset_after=st.booleans(),
    bias=st.booleans(),
    freeze_vectors=st.booleans(),
    read_out=st.sampled_from([("last",), ("max", "mean"), ("attention",), ("last", "attention")]),
    dense=st.lists(st.integers(1, 9), max_size=2).map(tuple),
    wide_characters=st.sampled_from([(), (2, 3)]),
)


@given(models, st.integers(1, 50), st.integers(1, 5))
def test_every_formula_is_arithmetic_that_gives_its_row(
    model: Model, vocabulary: int, outputs: int
) -> None:
    table = count(model, vocabulary=vocabulary, outputs=outputs)
    for row in table.rows:
        assert eval(row.formula) == row.parameters
    assert table.total == sum(row.parameters for row in table.rows)
    frozen = vocabulary * model.embed if model.freeze_vectors else 0
    assert table.total - table.trainable == frozen
    assert table.torch_total is None or table.torch_total >= table.total


@given(models, st.integers(1, 20))
def test_a_layer_equals_its_matrices(model: Model, inputs: int) -> None:
    table = count(replace(model, dense=(), read_out=("last",), wide_characters=()), inputs=inputs)
    total, width = 0, inputs
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[model.cell]
    two = model.cell == "gru" and model.reset_after
    for hidden in model.sizes:
        one_way = sum((width * hidden, hidden * hidden, model.bias * (1 + two) * hidden))
        total += gates * one_way * (1 + model.bidirectional)
        width = hidden * (1 + (model.bidirectional and model.merge == "concat"))
    assert table.total == total


@given(st.integers(300, 10**8), st.integers(1, 3), st.booleans())
def test_budget_is_kept_and_one_unit_more_would_break_it(
    budget: int, layers: int, tied: bool
) -> None:
    table_of = partial(count, vocabulary=30)
    model = Words(embed=3, layers=layers, tied=tied)

    def total(hidden: int) -> int:
        embed = hidden if tied else 3
        return table_of(replace(model, hidden=(hidden,), embed=embed)).total

    fitted = fit_budget(budget, model, table_of)
    assert table_of(fitted).total == total(fitted.hidden[0]) <= budget
    assert fitted.hidden[0] == MAX_SIZE or total(fitted.hidden[0] + 1) > budget


def test_budget_below_one_unit() -> None:
    with pytest.raises(ConfigError, match="does not hold even 1 hidden unit") as caught:
        fit_budget(11, LSTM_12, partial(count, inputs=1))
    assert "12" in caught.value.hint


def lone(model: Model = LSTM_12, **sizes: int | str) -> Table:
    return count(model, **sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "sizes", "message"),
    [
        (LSTM_12, {}, "no size given"),
        (LSTM_12, {"inputs": 3, "vocabulary": 3}, "both a vocabulary and an input size"),
        (LSTM_12, {"inputs": 0}, "input: at least 1 expected, 0 found"),
        (LSTM_12, {"inputs": 3, "batch": -1}, "batch: at least 1 expected"),
        (Words(hidden=(12,)), {"inputs": 3}, "needs the size of its vocabulary"),
        (replace(LSTM_12, cell="lsmt"), {"inputs": 3}, "unknown cell 'lsmt'"),
        (replace(LSTM_12, hidden=()), {"inputs": 3}, "lists no size"),
        (replace(LSTM_12, layers=2, hidden=(1, 2, 3)), {"inputs": 3}, "lists 3 sizes"),
        (Words(hidden=(12,), tied=True), {"vocabulary": 9}, "64 and the last .* 12"),
        (Words(hidden=(12,)), {"vocabulary": 9, "outputs": 3}, "cannot have 3 outputs"),
        (replace(LSTM_12, head="sigmoid"), {"inputs": 3, "outputs": 3}, "between 2 labels"),
        (replace(LSTM_12, wide_words=(1,)), {"inputs": 3}, "n-gram table needs"),
    ],
)
def test_what_does_not_fit_together(
    model: Model, sizes: dict[str, int | str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        lone(model, **sizes)


@pytest.mark.parametrize(
    "model",
    [
        replace(LSTM_12, activation="relu"),
        replace(GRU_12, recurrent_activation="hard_sigmoid"),
        Model(cell="rnn", activation="linear"),
    ],
)
def test_torch_has_no_such_layer(model: Model) -> None:
    assert count(model, inputs=3).torch_total is None


def test_counting_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'pandas'}"
    code = f"import sys, seqcli.settings.counting; print({heavy} & sys.modules.keys())"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert shown.stdout.strip() == "set()"
