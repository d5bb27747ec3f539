"""When a signal becomes an exception, and when it waits."""

import os
import signal
from collections.abc import Iterator

import pytest

from seqcli.interrupts import Interrupted, Interrupts


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    ours = Interrupts()
    ours.install()
    yield ours
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)


def test_at_stake_or_not(interrupts: Interrupts) -> None:
    with pytest.raises(Interrupted) as caught:
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_code == 143
    with pytest.raises(Interrupted):
        interrupts.poll()


def test_deferred_until_the_next_poll(interrupts: Interrupts) -> None:
    with interrupts.deferred():
        os.kill(os.getpid(), signal.SIGINT)
    assert interrupts.requested == signal.SIGINT
    with pytest.raises(Interrupted):
        interrupts.poll()


def interrupted(interrupts: Interrupts, done: list[str], error: OSError | None = None) -> None:
    with interrupts.held():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("block")
        if error is not None:
            raise error


def test_held_until_the_end_of_the_block(interrupts: Interrupts) -> None:
    done: list[str] = []
    with pytest.raises(Interrupted) as caught:
        interrupted(interrupts, done)
    assert done == ["block"]
    assert caught.value.exit_code == 130


def test_held_within_deferred_waits_for_the_poll(interrupts: Interrupts) -> None:
    with interrupts.deferred():
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.requested
    with pytest.raises(Interrupted):
        interrupts.poll()


def test_an_error_within_held_is_not_hidden(interrupts: Interrupts) -> None:
    with pytest.raises(OSError, match="full"):
        interrupted(interrupts, [], OSError("full"))
