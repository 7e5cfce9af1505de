"""`--help` teaches: every command has a text, and its examples are shown as they were written."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from clusters.cli.main import assay


def commands(
    command: click.Command, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(words), command
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                yield from commands(below, (*words, name))


@pytest.mark.parametrize(("words", "command"), list(commands(assay)))
def test_help_teaches(words: str, command: click.Command) -> None:
    with click.Context(command, info_name=f"assay {words}") as context:
        text = command.get_help(context)

    assert command.help, f"`assay {words}` has no help"
    assert "\\b" not in text
