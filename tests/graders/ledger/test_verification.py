"""Each test changes the database behind the ledger's back, as an intruder would."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from graders.ledger import Attempt, Ledger, LedgerError
from graders.ledger.chain import link_of
from graders.ledger.keys import Keyring
from graders.report import Report

AReport = Callable[..., Report]


@pytest.fixture
def attempt(ledger: Ledger, an_attempt: Callable[..., Attempt]) -> Attempt:
    return ledger.add_attempt(an_attempt())


@pytest.fixture
def reports(ledger: Ledger, attempt: Attempt, a_report: AReport) -> list[Report]:
    reports = [a_report(attempt, one=outcome) for outcome in ("failed", "error", "passed")]
    for report in reports:
        ledger.append(report)
    assert ledger.verify() == []
    return reports


def intrude(ledger: Ledger, *statements: str, **values: Any) -> None:
    """Run statements with every guard of the database taken away."""
    with ledger.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type='trigger'"))
            for (name,) in names.all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement), values)


def test_a_changed_byte_is_found(ledger: Ledger, reports: list[Report]) -> None:
    body = reports[0].canonical().replace(b'"failed"', b'"passed"')

    intrude(ledger, "UPDATE reports SET body = :body WHERE number = 1", body=body)

    assert any("report 1" in p and "changed after it was signed" in p for p in ledger.verify())


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_report_is_found_wherever_it_was(
    ledger: Ledger, reports: list[Report], number: int
) -> None:
    intrude(
        ledger,
        "DELETE FROM verdicts WHERE report = :id",
        "DELETE FROM reports WHERE id = :id",
        id=reports[number - 1].id,
    )

    problems = ledger.verify()
    assert "1 of 3 reports were removed" in problems
    gap = [p for p in problems if p.endswith("the report before it was removed or replaced")]
    assert [p.split()[1] for p in gap] == ([] if number == 3 else [str(number + 1)])


def test_a_foreign_signature_is_found(
    ledger: Ledger, reports: list[Report], tmp_path: Path
) -> None:
    body = reports[2].canonical().replace(b'"ann"', b'"eve"')
    with ledger.engine.connect() as connection:
        previous = connection.scalar(text("SELECT previous FROM reports WHERE number = 3"))
    link = link_of(str(previous), body)
    signature = Keyring(tmp_path / "other").signing_key().sign(link.encode())

    intrude(
        ledger,
        "UPDATE reports SET body = :body, link = :link, signature = :signature WHERE number = 3",
        body=body,
        link=link,
        signature=signature,
    )

    problems = ledger.verify()
    assert any("report 3" in p and "not signed by this proctor's key" in p for p in problems)


def test_a_changed_verdict_is_found(ledger: Ledger, reports: list[Report]) -> None:
    intrude(ledger, "UPDATE verdicts SET outcome = 'passed' WHERE outcome = 'failed'")

    assert any("its verdicts were changed" in p for p in ledger.verify())


def test_an_attempt_given_to_another_learner_is_found(
    ledger: Ledger, reports: list[Report]
) -> None:
    intrude(ledger, "UPDATE attempts SET learner = 'eve'")

    assert sum("names another learner" in p for p in ledger.verify()) == 3


def test_writers_who_take_turns_seal_all_that_was_written(
    place: Any, ledger: Ledger, attempt: Attempt, a_report: AReport
) -> None:
    other = place.open()
    for writer in (ledger, ledger, other, other, ledger):
        writer.append(a_report(attempt, one="failed"))
        writer.verify()  # waits for the seal
    other.close()

    intrude(ledger, "DELETE FROM verdicts")
    intrude(ledger, "DELETE FROM reports WHERE number > 1")

    assert "4 of 5 reports were removed" in ledger.verify()


def test_a_report_that_is_none_is_found(ledger: Ledger, reports: list[Report]) -> None:
    intrude(ledger, "UPDATE reports SET body = :body WHERE number = 2", body=b"{}")

    assert any("report 2" in p and "is not a report" in p for p in ledger.verify())


def test_a_body_stored_as_text_is_read_like_any_other(
    ledger: Ledger, reports: list[Report], attempt: Attempt
) -> None:
    if ledger.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps bytes in a column of bytes")
    intrude(ledger, "UPDATE reports SET body = CAST(body AS TEXT) WHERE number = 1")
    intrude(ledger, "UPDATE reports SET body = 'not a report' WHERE number = 2")
    intrude(ledger, "UPDATE reports SET body = 17, signature = 'x' WHERE number = 3")

    problems = ledger.verify()

    assert not any("report 1 (" in p for p in problems), "the same text is the same report"
    for number in (2, 3):
        assert any(f"report {number} (" in p and "after it was signed" in p for p in problems)
        assert any(f"report {number} (" in p and "is not a report" in p for p in problems)


def test_the_key_is_private_and_stays_the_same(tmp_path: Path) -> None:
    first = Keyring(tmp_path / "keys").signing_key().private_bytes_raw()

    again = Keyring(tmp_path / "keys").signing_key().private_bytes_raw()

    assert first == again
    for path, mode in [("keys", 0o700), ("keys/proctor.pem", 0o600)]:
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == mode


def test_a_key_that_is_exchanged_is_used_from_then_on(tmp_path: Path) -> None:
    keyring, other = Keyring(tmp_path / "ours"), Keyring(tmp_path / "others")
    before = keyring.signing_key()
    wanted = other.signing_key().private_bytes_raw()
    assert keyring.signing_key() is before, "it is read once"

    (tmp_path / "others/proctor.pem").rename(tmp_path / "ours/proctor.pem")

    assert keyring.signing_key().private_bytes_raw() == wanted
    published = (tmp_path / "ours/proctor.pub.pem").read_bytes()
    assert published == (tmp_path / "others/proctor.pub.pem").read_bytes()


def test_a_public_key_that_was_removed_is_published_again(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    keyring.signing_key()
    (tmp_path / "proctor.pub.pem").unlink()

    keyring.signing_key()

    assert (tmp_path / "proctor.pub.pem").read_text() == keyring.public_key_pem()


def test_a_key_half_written_by_a_killed_process_is_made_again(tmp_path: Path) -> None:
    (tmp_path / ".proctor.pem.new").write_bytes(b"-----BEGIN PRIV")

    key = Keyring(tmp_path).signing_key()

    assert Keyring(tmp_path).signing_key().private_bytes_raw() == key.private_bytes_raw()


def test_a_damaged_key_is_one_sentence_and_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "proctor.pem").write_text("damaged")

    with pytest.raises(LedgerError, match="restore it from your backup"):
        Keyring(tmp_path).signing_key()

    assert (tmp_path / "proctor.pem").read_text() == "damaged"
