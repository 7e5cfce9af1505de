"""`assay lab`: work at a lab from a terminal, and write labs."""

from __future__ import annotations

from importlib import import_module

import click

_COMMANDS = {
    "appeal": "graders.cli.learning:appeal",
    "card": "graders.cli.rehearsing:card",
    "check": "graders.cli.learning:check",
    "extend": "graders.cli.learning:extend",
    "finish": "graders.cli.learning:finish",
    "import": "graders.cli.importing:import_group",
    "lint": "graders.cli.authoring:lint",
    "list": "graders.cli.catalogue:list_labs",
    "new": "graders.cli.authoring:new",
    "preview": "graders.cli.previewing:preview",
    "rehearse": "graders.cli.rehearsing:rehearse",
    "reset": "graders.cli.resetting:reset",
    "start": "graders.cli.learning:start",
    "watch": "graders.cli.watching:watch",
}


class LabCommands(click.Group):
    """A group whose commands are loaded when they are used: a list needs no database."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=LabCommands)
def lab() -> None:
    """Work at labs from a terminal, and write them.

    \b
    As a learner                 assay lab list
                                 assay lab start dra-01-claim-a-gpu
                                 assay lab check
                                 assay lab appeal TASK "why the verdict is wrong"
                                 assay lab extend
                                 assay lab reset --to TASK
                                 assay lab finish
    As an author                 assay lab new my-lab --title "My lab"
                                 assay lab lint my-lab
                                 assay lab preview my-lab --seed 7
                                 assay lab watch my-lab
                                 assay lab rehearse my-lab
                                 assay lab card my-lab
    """
