"""The errors that a user sees.

Owns: the exception types. Every message is one or two sentences on one line: the offending value, what was expected,
the next step. The command line prints the message and exits with `exit_status`; it knows nothing else about errors.
"""


class LandscapeError(Exception):
    """Something is wrong with the input or the machine; the message says what it is and what to do."""

    exit_status = 1


class UsageError(LandscapeError, ValueError):
    """An option or argument is invalid in itself, independent of any file."""

    exit_status = 2


class UntrustedError(UsageError):
    """A file names code that the user has not given; `options` would give it, word by word."""

    def __init__(self, message: str, options: list[str] | None = None):
        super().__init__(message)
        self.options = options or []


class Notice(UserWarning):
    """A warning of ours: the command prints it as one line, without the line of code that gave it."""


class MissingLetters(Notice):
    """A picture has boxes in place of letters that its font lacks."""


class CheckpointError(LandscapeError):
    """A checkpoint cannot be read, or does not fit the model."""


class DataError(LandscapeError):
    """A data set cannot be read, or does not fit the model."""


class SurfaceFileError(LandscapeError):
    """A surface file cannot be read or written, or holds another run."""


class AnotherRun(SurfaceFileError):
    """The file of a run holds another one."""


class EvaluationError(LandscapeError):
    """The loss could not be evaluated at a point."""


class Ending(BaseException):
    """Our own reasons to end a run that are no `Exception`, so that no `except Exception` in a user's loss can swallow them."""


class Interrupted(KeyboardInterrupt, Ending):
    """The run was stopped by Ctrl-C or SIGTERM; all finished points are in the file."""

    exit_status = 130
    kept: str | None = None
    """What is in which file, for the line that says so; None where that is not known here."""
