"""Errors that a user meets. Every message names the thing, the value and the remedy."""


class MarketrankError(Exception):
    """Base of all errors that marketrank raises on purpose; the CLI prints it without a trace."""


class BadInput(MarketrankError):
    """A file, an option or a request is not as it must be; mending the input mends the error."""


class BadSettings(MarketrankError):
    """A setting is unknown or has a value that is out of range."""


class MissingExtra(MarketrankError):
    """A part is used whose optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an extra: pip install "marketrank[{extra}]"')


class NotReady(MarketrankError):
    """Something that must exist first does not: no release, no model, no database."""


class Corrupt(MarketrankError):
    """A stored artefact does not match its checksum or its format."""


class NotThere(MarketrankError):
    """What is asked for does not exist, or not for whoever asks."""


class NotAllowed(MarketrankError):
    """It exists and belongs to somebody else."""


class InConflict(MarketrankError):
    """It would undo or repeat what somebody else has done meanwhile."""
