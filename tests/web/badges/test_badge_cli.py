"""`assay badge`, as people and scripts type it; and never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path as File
from typing import TYPE_CHECKING

import pytest

from web.award_store import Award
from web.credentials import ensure_issuer_key
from web.credentials.did import did_document
from web.credentials.token import sign

if TYPE_CHECKING:
    from tests.web.badges.conftest import Assay, Classroom


def test_issuing_prints_the_award_and_the_credential(
    assay: Assay, classroom: Classroom, tmp_path: File
) -> None:
    classroom.complete("alice")
    assert classroom.path.id == "devices"
    command = ("badge", "issue", "--learner", "alice", "--path", "devices", "--json")

    first = assay(*command, "--output", tmp_path / "badge.jwt")
    again = assay(*command)

    assert first.code == again.code == 0
    assert first.document == again.document
    assert first.document["name"] == "Devices on the API, Foundation"
    assert (tmp_path / "badge.jwt").read_text() == first.document["credential"]


def test_what_is_missing_is_an_answer_not_an_error(assay: Assay, classroom: Classroom) -> None:
    classroom.check(classroom.attempt("alice"), read_slices="passed")
    assert classroom.path.id == "devices"

    said = assay("badge", "issue", "--learner", "alice", "--path", "devices")

    assert said.code == 1
    assert "2 of 3 tasks are not done: claim, repair" in said.err


def test_a_path_that_does_not_exist_is_a_usage_error(assay: Assay, classroom: Classroom) -> None:
    said = assay("badge", "issue", "--learner", "alice", "--path", "gone")

    assert said.code == 2
    assert "there is no path 'gone'" in said.err


def test_badges_are_listed(assay: Assay, award: Award) -> None:
    assert [found["id"] for found in assay("badge", "list", "--json").document] == [award.id]
    assert assay("badge", "list", "--learner", "bob", "--json").document == []
    assert award.id in assay("badge", "list").out


def test_a_badge_is_valid_where_it_was_issued_without_a_running_site(
    assay: Assay, badge: File
) -> None:
    said = assay("badge", "verify", badge)
    document = assay("badge", "verify", badge, "--json").document

    assert said.code == 0
    assert "✓ valid" in said.out
    assert "not revoked" in said.out
    assert document["valid"] is True
    assert document["status"] == "good"
    assert document["badge"]["labs"][0]["seed"] == 4711


def test_a_changed_badge_is_not_valid(assay: Assay, badge: File) -> None:
    svg = badge.read_text()
    place = svg.index('verify="') + 700
    badge.write_text(svg[:place] + ("A" if svg[place] != "A" else "B") + svg[place + 1 :])

    said = assay("badge", "verify", badge)

    assert said.code == 1
    assert "changed after it was signed" in said.out


def test_a_revoked_badge_is_not_valid(assay: Assay, badge: File, award: Award) -> None:
    revoked = assay("badge", "revoke", award.id, "--reason", "By mistake", "--json").document

    said = assay("badge", "verify", badge, "--json")

    assert revoked["revoked_reason"] == "By mistake"
    assert said.code == 1
    assert said.document["status"] == "revoked"
    assert [problem["fault"] for problem in said.document["problems"]] == ["revoked"]
    assert "By mistake" in assay("badge", "list").out


def test_revoking_needs_a_badge_and_a_reason(assay: Assay, award: Award) -> None:
    assert assay("badge", "revoke", "f" * 32, "--reason", "x").code == 2
    assert assay("badge", "revoke", award.id, "--reason", " ").code == 2
    assert assay("badge", "revoke", award.id).code == 2


def test_a_badge_of_somebody_else_is_not_hers(assay: Assay, badge: File) -> None:
    assert assay("badge", "verify", badge, "--learner", "alice").code == 0
    assert "somebody else than bob" in assay("badge", "verify", badge, "--learner", "bob").out


def test_elsewhere_a_badge_verifies_offline_with_the_key_or_the_document(
    assay: Assay, badge: File, classroom: Classroom, elsewhere: Callable[[], None], tmp_path: File
) -> None:
    key, did = tmp_path / "issuer.pub.pem", tmp_path / "did.json"
    key.write_bytes(classroom.issuer.key.public_pem())
    did.write_text(json.dumps(classroom.issuer.document()))
    elsewhere()

    by_key = assay("badge", "verify", badge, "--key", key, "--offline", "--json")
    by_document = assay("badge", "verify", badge, "--did", did, "--offline")

    assert by_key.code == by_document.code == 0
    assert by_key.document["status"] == "unchecked"
    assert "not checked" in by_document.out
    assert not [*(tmp_path / "elsewhere").rglob("*")], "verifying must leave nothing behind"


def test_elsewhere_another_key_does_not_verify(
    assay: Assay, badge: File, elsewhere: Callable[[], None], tmp_path: File
) -> None:
    other = ensure_issuer_key(tmp_path / "other" / "issuer.pem")
    did = tmp_path / "did.json"
    did.write_text(json.dumps(did_document("did:web:other.example", other.public)))
    elsewhere()

    by_key = assay("badge", "verify", badge, "--key", tmp_path / "other" / "issuer.pub.pem")
    by_document = assay("badge", "verify", badge, "--did", did, "--json")

    assert by_key.code == by_document.code == 1
    assert "another key" in by_key.out
    assert by_document.document["problems"][0]["fault"] == "issuer"


def test_elsewhere_and_offline_somebody_must_be_trusted(
    assay: Assay, badge: File, elsewhere: Callable[[], None]
) -> None:
    elsewhere()

    said = assay("badge", "verify", badge, "--offline")

    assert said.code == 2
    assert "--key or --did" in said.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello", "not a badge"),
        (b"", "not a badge"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "without a credential"),
        (b"<svg", "cut off or damaged"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><svg>&b;</svg>", "DOCTYPE"),
        (b"eyJhbGciOiJFZERTQSJ9.eyJ", "cut off or damaged"),
        (b"x" * 3_000_000, "larger than"),
    ],
)
def test_what_is_not_a_badge_is_one_sentence_with_the_file(
    assay: Assay, home: File, tmp_path: File, content: bytes, says: str
) -> None:
    file = tmp_path / "x.svg"
    file.write_bytes(content)

    said = assay("badge", "verify", file)

    assert said.code == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert str(file) in said.err
    assert says in said.err


def test_a_cut_off_token_says_so(assay: Assay, award: Award, tmp_path: File) -> None:
    file = tmp_path / "badge.jwt"
    file.write_text(award.credential[:-30])

    said = assay("badge", "verify", file)

    assert said.code == 2
    assert "cut off" in said.err


def test_an_unsigned_badge_says_so(assay: Assay, award: Award, home: File, tmp_path: File) -> None:
    header = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    file = tmp_path / "badge.jwt"
    file.write_text(f"{header}.{award.credential.split('.')[1]}.")

    said = assay("badge", "verify", file, "--key", home / "keys" / "issuer.pub.pem", "--offline")

    assert said.code == 1
    assert "'none'" in said.out


@pytest.mark.parametrize(
    ("option", "content"),
    [("--key", b"hello"), ("--did", b"hello"), ("--key", None), ("--did", None)],
)
def test_a_key_file_that_is_none_is_named(
    assay: Assay, badge: File, tmp_path: File, option: str, content: bytes | None
) -> None:
    file = tmp_path / "trust"
    if content is not None:
        file.write_bytes(content)

    said = assay("badge", "verify", badge, option, file)

    assert said.code == 2
    assert str(file) in said.err


def test_a_document_that_is_no_did_document_does_not_verify(
    assay: Assay, badge: File, tmp_path: File
) -> None:
    (tmp_path / "did.json").write_text("[]")

    assert assay("badge", "verify", badge, "--did", tmp_path / "did.json").code == 1


def test_a_badge_cannot_write_to_the_terminal(assay: Assay, home: File, tmp_path: File) -> None:
    key = ensure_issuer_key(tmp_path / "evil" / "issuer.pem")
    payload = {
        "iss": "did:web:evil.example",
        "issuer": {"id": "did:web:evil.example", "name": "\x1b]0;owned\x07 [bold]Assay[/bold]"},
        "credentialSubject": {"achievement": {"name": "\x1b[2J[link=http://x]x[/link]"}},
    }
    file = tmp_path / "badge.jwt"
    file.write_text(sign(payload, key, f"did:web:evil.example#{key.name}"))

    said = assay("badge", "verify", file, "--key", tmp_path / "evil" / "issuer.pub.pem")

    assert said.code == 1
    assert "\x1b]" not in said.out
    assert "\x1b[2J" not in said.out
    assert "[bold]Assay[/bold]" in said.out


def test_a_database_that_is_broken_is_one_sentence(assay: Assay, badge: File, home: File) -> None:
    for file in home.glob("assay.db*"):
        file.unlink()
    (home / "assay.db").write_bytes(b"this is no database" * 100)

    for command in (("verify", badge), ("list",)):
        said = assay("badge", *command)
        assert said.code == 3
        assert len(said.err.splitlines()) == 1


def test_help_teaches_every_command(assay: Assay) -> None:
    for command in ((), ("issue",), ("list",), ("verify",), ("revoke",)):
        said = assay("badge", *command, "--help")
        assert said.code == 0
        assert "assay badge" in said.out
        assert "\\b" not in said.out


def test_the_installed_command_verifies_a_badge(badge: File) -> None:
    program = File(sys.executable).with_name("assay")

    command = [str(program), "badge", "verify", str(badge), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["valid"] is True
