"""Which task is looked at next, and what a busy cluster may cost. Time is a number here."""

from __future__ import annotations

from graders.live.agenda import ALLOWANCE, LONGEST_REST, LONGEST_UNQUIET, QUIET, REFILL, Agenda
from graders.live.changes import Change
from graders.live.reads import Reads, reads_of
from graders.report import CheckResult, Outcome

READS = reads_of([{"kind": "Pod", "namespace": "team", "name": "trainer", "uid": "1"}])
NOTHING = reads_of([])
BY_ADA = Change("pods", "team", "trainer", by_person=True)
BY_CONTROLLER = Change("pods", "team", "trainer", by_person=False)
ELSEWHERE = Change("pods", "team", "another", by_person=True)


def result(outcome: Outcome, task: str = "a") -> CheckResult:
    return CheckResult(task=task, outcome=outcome, message="")


def look(
    agenda: Agenda,
    at: float,
    outcome: Outcome = Outcome.FAILED,
    took: float = 0.2,
    reads: Reads = READS,
    task: str = "a",
) -> bool:
    agenda.begin()
    news = agenda.end(result(outcome, task), reads, took, at + took)
    agenda.give_up()
    return news


def settled(outcome: Outcome = Outcome.FAILED, took: float = 0.2) -> Agenda:
    """One task that was looked at once, at second 100."""
    agenda = Agenda(["a"], {}, 100.0)
    look(agenda, 100.0, outcome, took)
    return agenda


def wait(agenda: Agenda, now: float) -> float:
    planned = agenda.next(now)
    assert planned is not None
    return planned[1]


def test_every_task_is_looked_at_once_and_then_only_when_something_changed() -> None:
    agenda = Agenda(["a", "b"], {}, 100.0)

    for _ in range(2):
        planned = agenda.next(101.0)
        assert planned is not None
        look(agenda, 101.0, task=planned[0])

    assert agenda.next(200.0) is None
    agenda.changed([ELSEWHERE], 200.0)
    assert agenda.next(201.0) is None
    agenda.changed([BY_ADA], 201.0)
    assert agenda.next(202.0) == ("a", 0.0)


def test_one_command_is_one_change_and_a_stream_of_changes_does_not_keep_it_waiting() -> None:
    agenda = settled()

    agenda.changed([BY_ADA], 110.0)
    assert round(wait(agenda, 110.0), 3) == QUIET
    moments = [110.0 + number * 0.05 for number in range(1, 20)]
    for moment in moments:
        agenda.changed([BY_ADA], moment)
        if wait(agenda, moment) == 0:
            break

    assert round(moment - 110.0, 3) <= LONGEST_UNQUIET + 0.05


def test_while_a_look_is_made_there_is_no_other_and_what_changes_meanwhile_is_not_lost() -> None:
    agenda = settled()
    agenda.changed([BY_ADA], 110.0)
    agenda.begin()

    assert agenda.next(111.0) is None
    agenda.changed([BY_ADA], 111.0)
    agenda.end(result(Outcome.PASSED), READS, 2.0, 112.0)
    agenda.give_up()

    assert agenda.next(120.0) == ("a", 0.0)


def test_what_a_check_reads_for_the_first_time_may_have_changed_while_it_looked() -> None:
    agenda = Agenda(["a"], {}, 100.0)
    look(agenda, 100.0, reads=NOTHING)
    agenda.changed_somehow(101.0)
    agenda.begin()
    agenda.changed([BY_ADA], 101.1)

    agenda.end(result(Outcome.FAILED), READS, 0.2, 101.2)
    agenda.give_up()

    assert agenda.next(110.0) == ("a", 0.0)


def test_only_another_outcome_is_news() -> None:
    agenda = Agenda(["a"], {}, 100.0)

    assert not look(agenda, 100.0, Outcome.FAILED), "nobody asked yet, and it is not done"
    assert look(agenda, 101.0, Outcome.PASSED)
    assert not look(agenda, 102.0, Outcome.PASSED)
    assert not look(agenda, 103.0, Outcome.ERROR), "we could not look: that is no verdict"
    assert not look(agenda, 104.0, Outcome.PASSED)
    assert look(agenda, 105.0, Outcome.FAILED), "it was undone"


def test_what_the_ledger_knows_is_no_news() -> None:
    agenda = Agenda(["a", "b"], {"a": Outcome.PASSED, "b": Outcome.ERROR}, 100.0)

    assert not look(agenda, 100.0, Outcome.PASSED)
    assert look(agenda, 101.0, Outcome.FAILED, task="b"), "it could not be checked, now it can"


def test_a_look_that_could_not_be_made_is_tried_again_ever_more_seldom() -> None:
    agenda = settled()
    agenda.changed([BY_ADA], 110.0)

    pauses = []
    now = 111.0
    for _ in range(6):
        look(agenda, now, Outcome.ERROR)
        pauses.append(round(wait(agenda, now + 0.2)))
        now += 0.2 + pauses[-1]

    assert pauses == sorted(pauses)
    assert pauses[0] == 2
    assert pauses[-1] == LONGEST_REST


def test_a_costly_look_rests_as_long_as_it_took_and_a_cheap_one_not_at_all() -> None:
    costly, cheap = settled(took=5.0), settled(took=0.2)

    for agenda in (costly, cheap):
        agenda.changed([BY_CONTROLLER], 105.1)

    assert wait(costly, 105.2) == 105.0 + 5.0 - 105.2
    assert wait(cheap, 105.2) == 0


def test_looks_in_vain_come_ever_more_seldom_until_a_person_changes_something() -> None:
    agenda = settled()
    now, rests = 110.0, []
    for _ in range(12):
        agenda.changed([BY_CONTROLLER], now)
        look(agenda, now)
        agenda.changed([BY_CONTROLLER], now + 0.2)
        rests.append(wait(agenda, now + 0.4))
        now += 100

    assert rests[0] == 0
    assert rests[-1] > LONGEST_REST - 1
    agenda.changed([BY_ADA], now - 99.6)
    assert wait(agenda, now - 99.5) <= QUIET


def test_who_changes_something_all_the_time_uses_no_more_than_the_allowance() -> None:
    agenda = settled()
    now, spent = 200.0, 0.0
    while now < 800:
        agenda.changed([BY_ADA], now)
        pause = wait(agenda, now)
        if pause > 0:
            now += min(pause, 0.05)
            continue
        look(agenda, now, took=0.4)
        spent += 0.4
        now += 0.4

    assert spent <= 600 * REFILL + 2 * ALLOWANCE


def test_of_several_the_cheapest_is_looked_at_first() -> None:
    agenda = Agenda(["slow", "quick"], {}, 100.0)
    look(agenda, 100.0, took=0.4, task="slow")
    look(agenda, 101.0, took=0.1, task="quick")

    agenda.changed([BY_ADA], 110.0)

    planned = agenda.next(111.0)
    assert planned is not None
    assert planned[0] == "quick"


def test_what_was_asked_for_is_known_and_not_looked_at_again() -> None:
    agenda = Agenda(["a", "b"], {}, 100.0)
    agenda.begin()
    agenda.heard(result(Outcome.PASSED, "a"), READS, 101.0)
    agenda.heard(result(Outcome.FAILED, "b"), NOTHING, 101.0)
    agenda.give_up()

    assert agenda.next(102.0) is None
    agenda.changed([BY_ADA], 103.0)
    assert agenda.next(104.0) == ("a", 0.0)
    assert look(agenda, 104.0, Outcome.FAILED)


def test_a_flood_of_changes_while_a_look_is_made_is_remembered_as_one() -> None:
    agenda = settled()
    agenda.begin()
    agenda.changed([ELSEWHERE] * 100_000, 110.0)

    agenda.end(result(Outcome.FAILED), READS, 0.2, 111.0)
    agenda.give_up()

    assert agenda.next(112.0) is not None
