"""The errors of Assay, by who must act.

    AssayError                 one sentence for people, and the exit code of the command line
    ├── InputInvalid           the user's file or argument is wrong; carries every problem   (2)
    ├── NotFound               the named thing does not exist                                (2)
    └── ClusterError           the platform could not                                        (3)
        ├── PreflightError     this host lacks something; says how to get it
        ├── CommandError       an external program failed; carries its output
        └── NotReadyError      something did not become ready in time

An expected error is printed as its sentence, never as a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence

EXIT_DONE = 0
"""The thing asked for was done, or the answer is yes."""
EXIT_NO = 1
"""The answer is no: a check failed, a lab has problems, a badge does not verify."""
EXIT_USAGE = 2
"""The command, a file or an argument is wrong."""
EXIT_PLATFORM = 3
"""The platform could not do it; the user did nothing wrong."""


class AssayError(Exception):
    """Base of every expected error; `str()` is one sentence that says what to do."""

    exit_code = EXIT_PLATFORM


class InputInvalid(AssayError):
    """A file or an argument is wrong.

    Attributes:
        problems: every problem found, each one sentence that names file and key.
    """

    exit_code = EXIT_USAGE

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class NotFound(AssayError):
    """The named cluster, lab or attempt does not exist."""

    exit_code = EXIT_USAGE


class ClusterError(AssayError):
    """The platform could not make, read or delete a cluster."""


class PreflightError(ClusterError):
    """This host lacks something; the sentence says what and how to get it."""


class CommandError(ClusterError):
    """An external program failed; the message holds the command and the end of its output."""


class NotReadyError(ClusterError):
    """Something did not become ready in its time, or died on the way."""
