"""The command `assay`: each package adds its commands by the entry points `assay.commands`."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points, version

import click

from clusters.cli.output import end_with
from clusters.errors import EXIT_PLATFORM, AssayError

ENTRY_POINTS = "assay.commands"


class InstalledCommands(click.Group):
    """A group whose commands are entry points, loaded only when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of every installed command."""
        return sorted(_installed())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        point = _installed().get(cmd_name)
        return None if point is None else point.load()


@click.group(cls=InstalledCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("assay"), prog_name="assay")
def assay() -> None:
    """Assay: lab clusters, graded from outside, and badges that can be verified.

    \b
    Start the platform          assay up
    Work at a terminal          assay lab start dra-01-claim-a-gpu
    A cluster and nothing else  assay cluster create --name demo
    What this host can do       assay doctor

    Exit codes: 0 done; 1 the answer is no; 2 usage; 3 the platform could not.
    """


def main() -> None:
    """Run the command line; an expected error is one sentence, never a traceback."""
    try:
        result = assay.main(standalone_mode=False)
        raise SystemExit(result if isinstance(result, int) else 0)
    except AssayError as error:
        end_with(error)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except (click.Abort, KeyboardInterrupt):
        click.echo("assay: interrupted", err=True)
        raise SystemExit(130) from None
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        click.echo(f"assay: {error.strerror or error}{place}", err=True)
        raise SystemExit(EXIT_PLATFORM) from None


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
