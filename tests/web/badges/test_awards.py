"""Awards: earned by what the ledger proves, issued once, revoked for ever."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from clusters.errors import NotFound
from graders.ledger import open_ledger
from graders.ledger.chain import GENESIS
from web.award_store import AwardRow, AwardStore
from web.awards import AwardOffice, LedgerDoubtful, NotEarned
from web.credentials import Fault, read_token
from web.database import open_web_database
from web.issuer import issuer_key_path, open_issuer, remember_address
from web.paths import find_path
from web.verifying import verify_here

if TYPE_CHECKING:
    from tests.web.badges.conftest import Classroom

PATH: dict[str, Any] = {
    "id": "devices",
    "name": "Devices on the API",
    "description": "Claims accelerators.",
    "criteria": "Every task.",
    "labs": ["claim-a-gpu"],
}


def test_a_learner_who_did_every_task_of_every_lab_gets_the_badge(classroom: Classroom) -> None:
    classroom.complete("alice")

    [award] = classroom.office.derive("alice", [classroom.path])

    verdict = verify_here(
        read_token(award.credential), classroom.issuer, classroom.store, datetime.now(UTC), "alice"
    )
    assert verdict.valid, verdict.problems
    assert verdict.claims.title == "Devices on the API, Foundation"
    assert verdict.claims.points == "60"
    assert verdict.claims.assurance == "practice"
    assert verdict.claims.id == f"https://labs.example.org/services/web/badges/{award.id}"
    assert verdict.claims.issuer == "did:web:labs.example.org:services:web"


def test_deriving_again_changes_nothing(classroom: Classroom) -> None:
    classroom.complete("alice")
    path = classroom.path

    first = classroom.office.derive("alice", [path])
    again = classroom.office.derive("alice", [path])

    assert len(first) == 1
    assert again == []
    assert classroom.office.issue("alice", path) == first[0]
    assert classroom.store.awards() == first


@pytest.mark.parametrize(
    "outcomes",
    [
        {},
        {"read_slices": "passed", "claim": "passed"},
        {"read_slices": "passed", "claim": "passed", "repair": "failed"},
        {"read_slices": "passed", "claim": "passed", "repair": "error"},
    ],
)
def test_a_task_that_is_not_done_is_missing(classroom: Classroom, outcomes: dict[str, str]) -> None:
    classroom.check(classroom.attempt("alice"), **outcomes)

    with pytest.raises(NotEarned, match=r"claim-a-gpu: .*repair"):
        classroom.office.issue("alice", classroom.path)
    assert classroom.store.awards() == []


def test_tasks_of_two_attempts_do_not_add_up(classroom: Classroom) -> None:
    classroom.check(classroom.attempt("alice"), read_slices="passed", claim="passed")
    classroom.check(classroom.attempt("alice"), repair="passed")

    assert classroom.office.derive("alice", [classroom.path]) == []


def test_the_work_of_another_learner_does_not_count(classroom: Classroom) -> None:
    classroom.complete("bob")

    assert classroom.office.derive("alice", [classroom.path]) == []


def test_a_task_that_was_done_stays_done(classroom: Classroom) -> None:
    attempt = classroom.attempt("alice")
    classroom.check(attempt, read_slices="passed", claim="passed", repair="passed")
    classroom.check(attempt, read_slices="failed", claim="failed", repair="failed")

    assert len(classroom.office.derive("alice", [classroom.path])) == 1


def test_the_evidence_is_the_links_of_the_reports_in_the_ledger(classroom: Classroom) -> None:
    attempt = classroom.attempt("alice")
    before = classroom.check(attempt, read_slices="failed", claim="error")
    deciding = [
        classroom.check(attempt, read_slices="passed", claim="failed"),
        classroom.check(attempt, claim="passed", repair="passed"),
    ]
    classroom.check(attempt, read_slices="passed", claim="passed", repair="passed")

    [award] = classroom.office.derive("alice", [classroom.path])

    links, previous = [], GENESIS
    for report in (before, *deciding):
        previous = hashlib.sha256(previous.encode() + b"\n" + report.canonical()).hexdigest()
        links.append(f"sha256:{previous}")
    [lab] = award.claims.labs
    assert list(lab.reports) == links[1:]
    assert (lab.attempt, lab.seed, lab.version) == (attempt.id, 4711, "1.0.0")
    assert (lab.kubernetes, lab.provider, lab.points) == ("v1.37.2", "embedded", 60)
    assert lab.done_at == deciding[1].finished_at


@pytest.mark.parametrize(
    "crime",
    [
        "UPDATE reports SET body = CAST(replace(body, 'failed', 'passed') AS BLOB)",
        "UPDATE attempts SET learner = 'alice' WHERE learner = 'bob'",
        "UPDATE reports SET attempt = (SELECT id FROM attempts WHERE learner = 'alice')",
    ],
)
def test_a_ledger_that_was_written_to_gives_no_badge(
    classroom: Classroom, home: File, crime: str
) -> None:
    classroom.complete("bob")
    classroom.check(
        classroom.attempt("alice"), read_slices="passed", claim="passed", repair="failed"
    )
    _commit(home / "assay.db", crime)

    with pytest.raises(LedgerDoubtful, match="does not verify"):
        classroom.office.issue("alice", classroom.path)
    assert classroom.store.awards() == []


def test_practice_does_not_earn_a_path_that_asks_for_more(classroom: Classroom) -> None:
    [path] = classroom.write_paths({**PATH, "assurance": "isolated"})
    classroom.complete("alice")

    with pytest.raises(NotEarned, match="less assurance than 'isolated'"):
        classroom.office.issue("alice", path)

    classroom.complete("alice", assurance="proctored")
    assert classroom.office.issue("alice", path).claims.assurance == "proctored"


def test_the_attempt_with_most_assurance_counts(classroom: Classroom) -> None:
    for assurance in ("practice", "proctored", "isolated"):
        classroom.complete("alice", assurance=assurance)

    assert classroom.office.issue("alice", classroom.path).claims.assurance == "proctored"


def test_the_badge_states_the_lowest_assurance_of_its_labs(
    classroom: Classroom, write_lab: Callable[[str], None]
) -> None:
    write_lab("second-lab")
    [path] = classroom.write_paths({**PATH, "labs": ["claim-a-gpu", "second-lab"]})
    classroom.complete("alice", assurance="proctored")
    classroom.complete("alice", "second-lab", assurance="isolated")

    award = classroom.office.issue("alice", path)

    assert award.claims.assurance == "isolated"
    assert award.claims.points == "120"
    assert [lab.lab for lab in award.claims.labs] == ["claim-a-gpu", "second-lab"]


def test_a_lab_that_is_not_installed_is_missing(classroom: Classroom) -> None:
    [path] = classroom.write_paths({**PATH, "labs": ["claim-a-gpu", "gone"]})
    classroom.complete("alice")

    with pytest.raises(NotEarned, match="gone: this installation does not have the lab"):
        classroom.office.issue("alice", path)


def test_a_badge_may_end(classroom: Classroom) -> None:
    [path] = classroom.write_paths({**PATH, "months": 24})
    classroom.complete("alice")
    award = classroom.office.issue("alice", path)
    token = read_token(award.credential)

    later = datetime.now(UTC) + timedelta(days=750)
    verdict = verify_here(token, classroom.issuer, classroom.store, later)

    assert verdict.faults == {Fault.EXPIRED}


def test_two_badges_of_one_learner_cannot_be_told_to_belong_together(classroom: Classroom) -> None:
    paths = classroom.write_paths(PATH, {**PATH, "id": "other"})
    classroom.complete("alice")

    first, second = (
        read_token(award.credential).payload["credentialSubject"]
        for award in classroom.office.derive("alice", paths)
    )

    assert first["id"] != second["id"]
    assert first["identifier"][0]["identityHash"] != second["identifier"][0]["identityHash"]


def test_neither_name_nor_secret_stands_in_a_badge(classroom: Classroom) -> None:
    learner = "alice.liddell@example.org"
    classroom.complete(learner)
    [award] = classroom.office.derive(learner, [classroom.path])

    token = read_token(award.credential)
    words = json.dumps([token.header, token.payload])

    assert "@example" not in words
    assert "liddell" not in words
    assert not re.search(r"PRIVATE|token|password", words, re.IGNORECASE)
    for file in (issuer_key_path(), issuer_key_path().with_name("proctor.pem")):
        for line in file.read_text().splitlines()[1:-1]:
            assert line not in award.credential
            assert line not in words


def test_a_revoked_badge_says_so_and_stays_revoked(classroom: Classroom) -> None:
    classroom.complete("alice")
    path = classroom.path
    award = classroom.office.issue("alice", path)
    token, now = read_token(award.credential), datetime.now(UTC)

    revoked = classroom.store.revoke(award.id, "Issued by mistake", now)
    again = classroom.store.revoke(award.id, "Something else", now + timedelta(days=1))

    assert revoked.revoked_reason == "Issued by mistake"
    assert again == revoked
    assert classroom.office.issue("alice", path) == revoked
    verdict = verify_here(token, classroom.issuer, classroom.store, now)
    assert verdict.faults == {Fault.REVOKED}


def test_revoking_what_does_not_exist_says_so(classroom: Classroom) -> None:
    with pytest.raises(NotFound, match="no badge"):
        classroom.store.revoke("f" * 32, "x", datetime.now(UTC))


def test_places_in_the_list_are_not_in_the_order_of_issue(classroom: Classroom) -> None:
    learners = [f"learner{number}" for number in range(8)]
    for learner in learners:
        classroom.store.issue(learner, "devices", lambda id, place: "", datetime.now(UTC))

    places = [classroom.store.awards(learner)[0].status_index for learner in learners]

    assert len(set(places)) == 8
    assert places != sorted(places)
    assert {award.status_list for award in classroom.store.awards()} == {1}


def test_the_store_gives_the_first_award_to_whoever_comes_later(classroom: Classroom) -> None:
    now = datetime.now(UTC)

    first = classroom.store.issue("alice", "devices", lambda id, place: "first", now)
    second = classroom.store.issue("alice", "devices", lambda id, place: "second", now)

    assert second == first
    assert second.credential == "first"


def test_an_installation_that_moved_still_knows_its_badges(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom.complete("alice")
    award = classroom.office.issue("alice", classroom.path)
    monkeypatch.setenv("ASSAY_PUBLIC_URL", "https://new.example.org")

    moved = open_issuer()
    verdict = verify_here(read_token(award.credential), moved, classroom.store, datetime.now(UTC))

    assert moved.did == "did:web:new.example.org:services:web"
    assert verdict.valid, verdict.problems


def test_the_issuer_is_where_the_site_was_last_started(home: File) -> None:
    assert open_issuer({}).url == "http://127.0.0.1:8000/services/web"

    remember_address("http://127.0.0.1:9123")

    assert open_issuer({}).did == "did:web:127.0.0.1%3A9123:services:web"
    assert open_issuer({}).name == "Assay at 127.0.0.1:9123"


def _issue_at_once(barrier: Barrier) -> None:
    ledger, database = open_ledger(), open_web_database()
    office = AwardOffice(ledger, AwardStore(database), open_issuer())
    path = find_path("devices")
    barrier.wait(60)
    office.derive("alice", [path])
    office.issue("alice", path)
    database.close()
    ledger.close()


def test_two_processes_that_award_at_once_make_one_badge(classroom: Classroom) -> None:
    classroom.complete("alice")
    assert classroom.path.id == "devices"
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=_issue_at_once, args=(barrier,)) for _ in range(2)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(90)

    assert [process.exitcode for process in processes] == [0, 0]
    [award] = classroom.store.awards("alice")
    verdict = verify_here(
        read_token(award.credential), classroom.issuer, classroom.store, datetime.now(UTC)
    )
    assert verdict.valid


def _die_while_awarding() -> None:
    database = open_web_database()

    def draft(id: str, place: object) -> str:
        os.kill(os.getpid(), 9)
        raise AssertionError("unreachable")

    AwardStore(database).issue("alice", "devices", draft, datetime.now(UTC))


def test_an_award_whose_process_was_killed_is_made_by_the_next(classroom: Classroom) -> None:
    classroom.complete("alice")
    process = multiprocessing.get_context("spawn").Process(target=_die_while_awarding)
    process.start()
    process.join(90)

    assert process.exitcode == -9
    assert classroom.store.awards() == []
    assert len(classroom.office.derive("alice", [classroom.path])) == 1


def test_the_database_itself_refuses_a_second_award(classroom: Classroom) -> None:
    classroom.complete("alice")
    award = classroom.office.issue("alice", classroom.path)
    with classroom.database.reading() as session:
        row = session.get(AwardRow, award.id)
        assert row is not None
        columns = {name: getattr(row, name) for name in row.__table__.columns.keys()}
    columns |= {"id": "other", "status_index": columns["status_index"] + 1}
    names = ", ".join(columns)
    insert = text(f"INSERT INTO web_awards ({names}) VALUES ({':' + ', :'.join(columns)})")

    with pytest.raises(Exception, match="UNIQUE"), classroom.database.writing() as session:
        session.execute(insert, columns)


def _commit(database: File, statement: str) -> None:
    """Write to the ledger behind its back, as somebody with the file would."""
    connection = sqlite3.connect(database)
    triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for (name,) in triggers.fetchall():
        connection.execute(f'DROP TRIGGER "{name}"')
    connection.execute(statement)
    connection.commit()
    connection.close()
