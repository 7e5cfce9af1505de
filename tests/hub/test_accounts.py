"""Accounts and passwords."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from click.testing import CliRunner
from tornado.web import HTTPError

from clusters.errors import InputInvalid, NotFound
from hub.accounts import Accounts, Role
from hub.authenticator import AccountAuthenticator
from hub.cli import account
from hub.rate_limit import FREE_FAILURES, LONGEST_WAIT, RateLimit


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    return Accounts()


def test_a_generated_password_signs_in_and_stands_nowhere(
    accounts: Accounts, tmp_path: Path
) -> None:
    made = accounts.add("ada")

    found = accounts.verify("ada", made.password)
    assert found is not None
    assert found.role is Role.LEARNER
    assert accounts.verify("ada", made.password + "x") is None
    path = tmp_path / "accounts.json"
    assert made.password not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_passwords_differ(accounts: Accounts) -> None:
    made = [accounts.add(f"learner-{n}") for n in range(3)]

    assert len({account.password for account in made}) == 3
    assert all(len(account.password) == 17 for account in made)


def test_a_reset_ends_the_old_password(accounts: Accounts) -> None:
    old = accounts.add("grace", Role.INSTRUCTOR)
    new = accounts.reset("grace")

    assert accounts.verify("grace", old.password) is None
    assert accounts.verify("grace", new.password) is not None
    assert new.role is Role.INSTRUCTOR


def test_the_first_accounts_are_made_once(accounts: Accounts) -> None:
    first = accounts.add_first()

    assert [(made.name, made.role.value) for made in first] == [
        ("learner", "learner"),
        ("instructor", "instructor"),
    ]
    assert accounts.add_first() == []


def test_a_removed_account_does_not_sign_in(accounts: Accounts) -> None:
    made = accounts.add("ada")
    accounts.remove("ada")

    assert accounts.verify("ada", made.password) is None
    with pytest.raises(NotFound, match="no account 'ada'"):
        accounts.remove("ada")


@pytest.mark.parametrize("name", ["", "Ada", "1st", "a b", "../x", "a/b", "a" * 33, "-a", "ada."])
def test_a_name_that_cannot_be_one_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InputInvalid, match="lower-case letters"):
        accounts.add(name)


def test_a_taken_name_is_refused(accounts: Accounts) -> None:
    accounts.add("ada")

    with pytest.raises(InputInvalid, match="already"):
        accounts.add("ada")


def test_a_damaged_file_is_one_sentence_and_stays(accounts: Accounts, tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text('[{"name": "ada"}]')

    with pytest.raises(InputInvalid, match="damaged"):
        accounts.add("bob")
    assert (tmp_path / "accounts.json").read_text() == '[{"name": "ada"}]'


def test_many_commands_at_once_lose_no_account(accounts: Accounts) -> None:
    names = [f"learner-{n}" for n in range(12)]
    with ThreadPoolExecutor(6) as many:
        list(many.map(lambda name: Accounts().add(name), names))

    assert [found.name for found in accounts.all()] == sorted(names)


def test_an_unknown_name_takes_as_long_as_a_wrong_password(accounts: Accounts) -> None:
    accounts.add("ada")

    def seconds(name: str) -> float:
        began = time.process_time()
        accounts.verify(name, "wrong")
        return time.process_time() - began

    known, unknown = (median(seconds(name) for _ in range(5)) for name in ("ada", "nobody-here"))

    assert unknown > 0.5 * known > 0.01


def test_accounts_at_the_command_line(accounts: Accounts) -> None:
    run = CliRunner().invoke
    made = json.loads(run(account, ["add", "ada", "--json"]).stdout)
    listed = json.loads(run(account, ["list", "--json"]).stdout)
    removed = json.loads(run(account, ["remove", "ada", "--json"]).stdout)

    assert set(made) == {"name", "role", "password"}
    assert [(found["name"], found["role"]) for found in listed] == [("ada", "learner")]
    assert set(listed[0]) == {"name", "role", "changed_at"}
    assert removed == {"removed": "ada"}


def test_after_some_wrong_passwords_a_name_waits_longer_and_longer() -> None:
    now = 0.0
    limit = RateLimit(lambda: now)
    waits = []
    for _ in range(FREE_FAILURES + 12):
        waits.append(limit.wait("ada"))
        now += waits[-1]
        limit.failed("ada")

    assert waits[:FREE_FAILURES] == [0] * FREE_FAILURES
    assert waits[FREE_FAILURES : FREE_FAILURES + 3] == [2, 4, 8]
    assert waits[-1] == LONGEST_WAIT
    assert limit.wait("bob") == 0
    limit.succeeded("ada")
    assert limit.wait("ada") == 0


def test_guessing_is_slowed_down_even_when_it_is_done_at_once(accounts: Accounts) -> None:
    made = accounts.add("ada")
    authenticator = AccountAuthenticator()

    async def guess(password: str) -> object:
        try:
            return await authenticator.authenticate(None, {"username": "ada", "password": password})
        except HTTPError as error:
            return error.status_code

    async def story() -> list[object]:
        guesses = await asyncio.gather(*(guess(f"guess-{n}") for n in range(20)))
        return [*guesses, await guess(made.password)]

    *guesses, right = asyncio.run(story())

    assert guesses.count(None) == FREE_FAILURES
    assert guesses.count(429) == 20 - FREE_FAILURES
    assert right == 429


def test_signing_in_gives_the_group_of_the_role(accounts: Accounts) -> None:
    made = accounts.add("grace", Role.INSTRUCTOR)
    authenticator = AccountAuthenticator()

    model = asyncio.run(
        authenticator.authenticate(None, {"username": " Grace", "password": made.password})
    )

    assert model is not None
    assert (model["name"], model["groups"]) == ("grace", ["instructor"])


class FakeUser:
    """What the hub remembers of somebody who signed in."""

    def __init__(self, model: Any) -> None:
        self.name = model["name"]
        self.user_info = model["user_info"]


@pytest.mark.parametrize("change", [Accounts.remove, Accounts.reset])
def test_a_removed_or_reset_account_is_signed_out(
    accounts: Accounts, change: Callable[[Accounts, str], object]
) -> None:
    made = accounts.add("ada")
    authenticator = AccountAuthenticator()
    form = {"username": "ada", "password": made.password}
    user = FakeUser(asyncio.run(authenticator.authenticate(None, form)))
    before = asyncio.run(authenticator.refresh_user(user))
    change(accounts, "ada")

    assert before
    assert asyncio.run(authenticator.refresh_user(user)) is False
