"""Accounts: who may sign in, with generated passwords kept as scrypt hashes.

`accounts.json` (0600) is the truth. It is written beside its place and renamed under a lock, so a
reader never sees half of it and two commands at once lose nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from clusters.errors import InputInvalid, NotFound
from clusters.home import home

_NAME = re.compile(r"^[a-z]([-a-z0-9_.]{0,30}[a-z0-9])?$")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike."""
_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 2**20, "dklen": 32}
"""OWASP's scrypt parameters for 32 MiB; about 0.1 s."""


class Role(StrEnum):
    """What somebody may do."""

    LEARNER = "learner"
    """Work on labs."""
    INSTRUCTOR = "instructor"
    """Work on labs, see the work of all with its evidence, answer appeals."""
    CERTIFIER = "certifier"
    """Read, verify and export what was signed; change nothing."""


FIRST_ROLES = (Role.LEARNER, Role.INSTRUCTOR)
"""An installation begins with an account of each; who certifies is decided by people."""


@dataclass(frozen=True)
class Account:
    """Somebody who may sign in."""

    name: str
    role: Role
    salt: str
    """Base64; so is `hash`."""
    hash: str
    changed_at: str
    """When the password was made; RFC 3339, UTC."""

    def accepts(self, password: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(_scrypt(password, b64decode(self.salt)), b64decode(self.hash))

    def to_json(self) -> dict[str, str]:
        """Return what may be shown."""
        return {"name": self.name, "role": self.role.value, "changed_at": self.changed_at}


@dataclass(frozen=True)
class NewPassword:
    """A generated password. It is shown once and kept nowhere."""

    name: str
    role: Role
    password: str

    def to_json(self) -> dict[str, str]:
        """Return plain JSON values."""
        return {"name": self.name, "role": self.role.value, "password": self.password}


class Accounts:
    """The accounts of an installation. Safe from several processes."""

    def __init__(self, path: Path | None = None) -> None:
        """Use the file `path`, that of this installation by default."""
        self._path = path or home() / "accounts.json"
        self._nobody = _account("nobody", Role.LEARNER, secrets.token_urlsafe())

    def all(self) -> list[Account]:
        """Return every account by name."""
        accounts = self._read()
        return [accounts[name] for name in sorted(accounts)]

    def find(self, name: str) -> Account | None:
        """Return the account of this name."""
        return self._read().get(name)

    def verify(self, name: str, password: str) -> Account | None:
        """Return the account if the password is right; an unknown name takes as long."""
        account = self.find(name)
        accepted = (account or self._nobody).accepts(password)
        return account if accepted else None

    def add(self, name: str, role: Role = Role.LEARNER) -> NewPassword:
        """Add an account with a generated password.

        Raises:
            InputInvalid: the name is taken or cannot be one.
        """
        if not _NAME.match(name):
            raise InputInvalid(
                [
                    f"account name {name!r}: use lower-case letters, digits, '-', '_' and '.', "
                    "first a letter, at most 32 characters"
                ]
            )
        with self._changing() as accounts:
            if name in accounts:
                raise InputInvalid([f"there is an account {name!r} already; `account reset` it"])
            return self._renew(accounts, name, role)

    def reset(self, name: str) -> NewPassword:
        """Give an account a new password.

        Raises:
            NotFound: there is no such account.
        """
        with self._changing() as accounts:
            return self._renew(accounts, name, _existing(accounts, name).role)

    def remove(self, name: str) -> None:
        """Remove an account; what was learned stays in the ledger.

        Raises:
            NotFound: there is no such account.
        """
        with self._changing() as accounts:
            _existing(accounts, name)
            del accounts[name]

    def add_first(self) -> list[NewPassword]:
        """Add a learner and an instructor where there is no account yet; return what was added."""
        with self._changing() as accounts:
            if accounts:
                return []
            return [self._renew(accounts, role.value, role) for role in FIRST_ROLES]

    def _renew(self, accounts: dict[str, Account], name: str, role: Role) -> NewPassword:
        password = generate_password()
        accounts[name] = _account(name, role, password)
        return NewPassword(name, role, password)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Account]]:
        lock = os.open(self._path.with_name(".accounts.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            accounts = self._read()
            before = dict(accounts)
            yield accounts
            if accounts != before:
                self._write(accounts)
        finally:
            os.close(lock)

    def _read(self) -> dict[str, Account]:
        try:
            rows = json.loads(self._path.read_text(encoding="utf-8"))
            found = [Account(**{**row, "role": Role(row["role"])}) for row in rows]
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError) as error:
            raise InputInvalid(
                [f"{self._path}: is damaged; restore it, or remove it to begin with new accounts"]
            ) from error
        return {account.name: account for account in found}

    def _write(self, accounts: dict[str, Account]) -> None:
        rows = [asdict(accounts[name]) for name in sorted(accounts)]
        draft = self._path.with_name(f".{self._path.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self._path)


def generate_password() -> str:
    """Return a password of three groups of five letters: 74 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(3))


def _account(name: str, role: Role, password: str) -> Account:
    salt = secrets.token_bytes(16)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Account(name, role, _text(salt), _text(_scrypt(password, salt)), now)


def _existing(accounts: dict[str, Account], name: str) -> Account:
    if name not in accounts:
        raise NotFound(f"there is no account {name!r}; `assay account list` shows them")
    return accounts[name]


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)


def _text(value: bytes) -> str:
    return b64encode(value).decode("ascii")
