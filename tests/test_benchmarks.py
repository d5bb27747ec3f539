"""The benchmarks' own code: ratios, tables, pages that agree with what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    sys.path.insert(0, str(HERE))
    yield
    sys.path.remove(str(HERE))


def test_ratios_are_of_one_round_and_above_one_where_seqcli_is_ahead() -> None:
    from rows import Row

    values = {"seqcli": [20.0, 30.0], "seqcli, other": [1.0, 1.0], "peer": [10.0, 10.0]}
    more, less = Row("a", "words/s", values), Row("a", "s", values, more=False)
    assert more.others == ["peer"]
    assert more.ratios("peer") == [2.0, 3.0]
    assert less.ratios("peer") == [0.5, pytest.approx(1 / 3)]
    assert Row("a", "s", values, reference=True).others == []
    errors = Row("a", "share", {"seqcli": [0.9], "peer": [0.8]}).ratios("peer")
    assert errors == [pytest.approx(2)]
    whole = Row("a", "share", {"seqcli": [1.0, 1.0], "peer": [1.0, 0.9]}).ratios("peer")
    assert whole == [1.0, pytest.approx(100)]


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        (None, "SEQCLI_DATA is not set: it names the folder with the real data; docs/data.md"),
        ("/no/such/folder", "/no/such/folder/sms-spam/SMSSpamCollection.tsv is not there: SEQCLI_"),
    ],
)
def test_without_the_real_data_one_line_says_so(folder: str | None, said: str) -> None:
    variables = {name: value for name, value in os.environ.items() if name != "SEQCLI_DATA"}
    variables |= {"PYTHONPATH": str(HERE.parent)} | ({"SEQCLI_DATA": folder} if folder else {})
    command = [sys.executable, str(HERE / "spam.py")]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_the_page_lists_the_files_that_are_looked_for() -> None:
    import data

    page = (HERE.parent / "docs" / "data.md").read_text()
    assert all(f"`{place}" in page for place in data.PLACES.values())


def test_a_row_becomes_a_line_for_each_program() -> None:
    from report import lines
    from rows import Row

    row = Row(
        "speed", "words/s", {"seqcli": [2e4, 3e4], "a": [1e4, 1e4], "b": [1.0, 2.0]}, target=2
    )
    assert list(lines(row)) == [
        "| speed, words/s | 25,000 (20,000–30,000) | a | 10,000 | 2.5 (2–3) | 2 × |",
        "| | | b | 1.5 (1–2) | 17,500 (15,000–20,000) |  |",
    ]
    alone = Row("display", "%", {"seqcli": [0.5]}, more=False, limit=1.0)
    assert list(lines(alone)) == ["| display, % | 0.5 | | | | ≤ 1 % |"]


def test_a_process_is_measured_and_its_failure_told() -> None:
    from rows import run

    ran = run([sys.executable, "-c", "x = bytearray(50 << 20); print(len(x))"])
    assert ran.output.strip() == str(50 << 20)
    assert ran.megabytes > 50
    with pytest.raises(SystemExit, match="exit 3\nwhy"):
        run([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"])


def test_a_worker_answers_when_asked_and_says_why_it_ended() -> None:
    from rows import Worker

    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); import rows; rows.answer(lambda: None)"
    worker = Worker([sys.executable, "-c", code])
    assert 0 <= worker.ask() < 1
    assert worker.end() > 1
    broken = Worker([sys.executable, "-c", "raise SystemExit('no data')"])
    with pytest.raises(SystemExit, match="no data"):
        broken.ask()


def test_every_round_has_new_processes_and_is_the_middle_of_three() -> None:
    from rows import afresh

    code = (
        "import sys\nfor line, value in zip(sys.stdin, [9, 3, 500, 4]):\n"
        "    print(value, flush=True)"  # the first warms up; a process asked for more would end
    )
    taken, memory = afresh({"a": [sys.executable, "-c", code]}, rounds=2)
    assert taken == {"a": [4.0, 4.0]}
    assert len(memory["a"]) == 2
    assert min(memory["a"]) > 1


def test_rows_that_do_not_exist_are_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, HERE / "bench.py", "ptb,sampel"],
        env={**os.environ, "SEQCLI_PEERS": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no rows sampel; there are: ptb, imdb" in done.stderr
    assert not (tmp_path / "none").exists()


def test_the_pages_are_what_was_measured() -> None:
    import report

    results = json.loads(report.RESULTS.read_text("utf-8"))
    assert report.PAGE.read_text("utf-8") == report.page(results), "`make docs` writes it anew"
    (found,) = report.MARKED.findall(report.README.read_text("utf-8"))
    assert found == report.summary(results), "`make docs` writes it anew"
    assert report.PLOT.exists()
    names = [name for groups in results.values() for name in groups]
    assert all(Path(HERE, f"{name}.py").exists() for name in names)


def group(**values: list[float]) -> dict[str, Any]:
    """What bench.py keeps of a file of rows."""
    row = {"name": "training PTB small", "unit": "words/s", "values": values}
    about = {"about": "Words a second.", "when": "2026-11-28", "data": "real data"}
    return {**about, "machine": "2 cores", "rows": [row]}


def test_a_run_adds_to_its_kind_of_processor_and_keeps_the_others() -> None:
    from bench import added

    old, new = group(seqcli=[1.0]), group(seqcli=[2.0])
    known = {"AMX bf16": {"startup": old}}
    both = added(added(known, "AVX2", "ptb", old), "AMX bf16", "ptb", new)
    assert both == {"AMX bf16": {"ptb": new, "startup": old}, "AVX2": {"ptb": old}}
    assert list(both["AMX bf16"]) == ["ptb", "startup"]  # in the order of a whole run
    assert added(both, "AVX2", "ptb", new)["AVX2"] == {"ptb": new}
    assert known == {"AMX bf16": {"startup": old}}


def test_every_kind_of_processor_has_its_tables(tmp_path: Path) -> None:
    from report import page, plot, summary

    slow, fast = group(seqcli=[20.0], peer=[10.0]), group(seqcli=[90.0], peer=[30.0])
    results = {"AMX bf16": {"ptb": fast}, "AVX2": {"ptb": slow, "growth": group(seqcli=[1.0])}}
    written = page(results)
    assert [line for line in written.splitlines() if line.startswith("## ")] == [
        "## AMX bf16",
        "## AVX2",
    ]
    assert "### growth, AVX2" in written
    assert "### growth, AMX bf16" not in written
    assert summary(results).strip().splitlines()[-2:] == [
        "|---|---|---|---|",
        "| training PTB small, words/s | peer | 90 : 30, 3 × | 20 : 10, 2 × |",
    ]
    only_one = summary({"AMX bf16": {"startup": fast}, "AVX2": {"ptb": group(seqcli=[1.0])}})
    assert only_one.strip().endswith("| peer | 90 : 30, 3 × |  |")
    plot(results, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").stat().st_size > 0


def test_floors_leave_out_bfloat16_where_it_would_take_minutes() -> None:
    """oneDNN told to use no more than AVX2 stands for a processor that has no more."""
    code = "import floors; print(sorted(floors.products(64)))"
    limits = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    variables = {**os.environ, **limits, "PYTHONPATH": f"{HERE}:{HERE.parent}"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == "['fp32']\n"
    assert done.stderr.startswith("skipped: matrix products, bf16: oneDNN has none on this")


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_ngram_model_is_a_distribution(order: int) -> None:
    from math import exp

    from peers.kneser_ney import losses

    train = "abracadabra, a cat and a bad cab; a dab and a crab. " * 3
    alphabet = sorted(set(train))
    for context in ("abr", " a ", "zz", "b"):
        total = 0.0
        for token in alphabet:  # what follows, by the losses with it and without
            texts = (context, context + token)
            before, after = (losses(train, text, order)[order] * (len(text) - 1) for text in texts)
            total += exp(before - after)
        assert total == pytest.approx(1, abs=1e-9)


def test_the_ngram_model_of_order_two_is_the_formula() -> None:
    from math import log

    from peers.kneser_ney import losses

    # aabab: aa and ba once, ab twice (discount 2 / 4); behind a stand a, b, behind b an a, so that
    # a has two different tokens before it and b one (discount 1 / 3)
    lower = (1 - 1 / 3 + 2 / 3 * 1 / 2) / 3  # of b
    assert losses("aabab", "ab", 2)[2] == pytest.approx(-log((2 - 0.5 + 2 * 0.5 * lower) / 3))


def test_the_ngram_model_always_takes_something_off() -> None:
    """3 - 4 D n4 / n3 is below 0 here: without a discount an unseen token would be impossible."""
    from peers.kneser_ney import discounts

    assert discounts([1, 1, 1, 1, 2, 2, 3, 4, 4, 4, 4]) == (0.5, 1.25, 0.5)


def test_all_rows_of_a_set_are_one_cut_more(monkeypatch: pytest.MonkeyPatch) -> None:
    from texts import SEEDS, Cut, behind, cuts

    monkeypatch.setattr(sys, "argv", ["texts.py", "sms-50", "imdb-all", "--json"])
    assert cuts() == [Cut("sms", 50), Cut("imdb", None)]
    assert [cut.seeds for cut in cuts()] == [SEEDS, SEEDS[:1]]
    assert behind(0.90, 0.92, 400)  # the standard error is 0.015
    assert not behind(0.90, 0.91, 400)
    assert not behind(0.92, 0.90, 400)


@pytest.mark.parametrize("count", [40, 60])
def test_invented_names_are_made_of_their_syllables(count: int) -> None:
    from small import NAMES, invented, of_syllables

    names, syllables = invented(count)
    assert len(set(syllables)) == count
    assert (len(set(names)), of_syllables(names, syllables)) == (NAMES, 1.0)
    assert invented(count) == (names, syllables)
    assert of_syllables(["xq", names[0]], syllables) == 0.5
