"""Threads that meet: what each gives reaches all, work is taken once, nobody waits for ever."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from seqcli.machine.team import Team
from seqcli.nn.meeting import ALONE, Meeting, Member, NotAll, among, member


def meet(size: int, work: Callable[[Member], object]) -> list[object]:
    """What members come to."""
    met = Meeting(size)

    def one(number: int) -> object:
        with among(met, number):
            return work(member())

    return Team(size).run(one)


def test_all_have_what_each_gives_in_their_order() -> None:
    def work(own: Member) -> object:
        time.sleep(0.01 * (3 - own.number))
        made = own.gather(own.number, lambda given: (object(), given))
        again = own.build(object)
        return made, again

    found = meet(3, work)
    assert found[0] == found[1] == found[2]  # one object, not three equal ones
    assert isinstance(found[0], tuple)
    assert found[0][0][1] == [0, 1, 2]


def test_each_place_is_taken_once_and_all_are_done_at_the_end() -> None:
    places, done = itertools.count(), [0] * 50

    def work(own: Member) -> object:
        for place in own.each(places, len(done)):
            time.sleep(0.001 * own.number)
            done[place] += 1
        return sum(done)

    assert meet(3, work) == [50, 50, 50]
    assert done == [1] * 50


def test_who_is_through_is_not_waited_for() -> None:
    def work(own: Member) -> object:
        if own.number == 1:
            return "through"
        with pytest.raises(NotAll):
            own.gather(1, list)
        return "alone"

    assert meet(2, work) == ["alone", "through"]


def test_a_failure_ends_the_work_of_all_and_is_what_is_raised() -> None:
    """Not the vain waiting of the others, whichever comes first."""

    def work(own: Member) -> object:
        own.gather(None, list)
        if own.number == 1:
            raise MemoryError
        return own.build(list)

    with pytest.raises(MemoryError):
        meet(2, work)


def test_what_cannot_be_made_ends_the_work_of_all() -> None:
    def work(own: Member) -> object:
        return own.build(lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        meet(2, work)


def test_alone_there_is_nobody_to_wait_for() -> None:
    assert member() is ALONE
    assert ALONE.gather(3, list) == [3]
    assert list(ALONE.each(itertools.count(), 4)) == [0, 1, 2, 3]


def test_a_thread_of_its_own_is_no_member() -> None:
    found = []
    with among(Meeting(2), 1):
        assert member().number == 1
        other = threading.Thread(target=lambda: found.append(member()))
        other.start()
        other.join()
    assert found == [ALONE]
    assert member() is ALONE
