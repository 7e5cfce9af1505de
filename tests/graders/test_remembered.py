"""What is remembered of a file, and when it is read anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders.remembered import remembered


class Reader:
    def __init__(self) -> None:
        self.times = 0

    def read(self, path: Path) -> str:
        self.times += 1
        return path.read_text()


def test_a_file_that_did_not_change_is_read_once(tmp_path: Path) -> None:
    reader = Reader()
    read = remembered(reader.read)
    (tmp_path / "a").write_text("one")

    assert [read(tmp_path / "a") for _ in range(3)] == ["one"] * 3
    assert reader.times == 1


def test_a_file_of_the_same_size_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    read = remembered(Reader().read)
    (tmp_path / "a").write_text("one")
    read(tmp_path / "a")
    (tmp_path / "b").write_text("two")

    (tmp_path / "b").rename(tmp_path / "a")

    assert read(tmp_path / "a") == "two"


def test_a_file_that_is_missing_is_never_remembered(tmp_path: Path) -> None:
    read = remembered(Reader().read)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "a")
    (tmp_path / "a").write_text("one")

    assert read(tmp_path / "a") == "one"
    (tmp_path / "a").unlink()
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "a")
