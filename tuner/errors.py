"""The errors a user can meet, each class with the exit code of the command line.

TunerError
├── UsageError (2)          command, config or data wrong
├── EnvironmentFault (3)    something outside is missing: Ray, GPU, network, disk
├── NoTrialCompleted (4)    the study ended without a completed trial
├── RunDirectoryError (5)   the run directory is locked, damaged or holds no study
│   └── JournalDamaged (5)  the journal is damaged
└── Interrupted (130, 143)  Ctrl-C or SIGTERM; the study can be resumed

Any other exception is our bug (1).
"""

from collections.abc import Iterator
from contextlib import contextmanager


class TunerError(Exception):
    """Base of every error that is shown to the user as one line per fault."""

    exit_code = 1

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class UsageError(TunerError):
    """The command, the configuration or the data is wrong."""

    exit_code = 2


class EnvironmentFault(TunerError):
    """Something outside the program is missing."""

    exit_code = 3


class NoTrialCompleted(TunerError):
    """The study ended without a completed trial."""

    exit_code = 4


class RunDirectoryError(TunerError):
    """The run directory is locked, damaged or holds no study."""

    exit_code = 5


class JournalDamaged(RunDirectoryError):
    """The journal cannot be read as it was written; ``tuner.repair`` keeps what it can."""


class Interrupted(TunerError):
    """A signal stopped the study; it can be resumed."""

    def __init__(self, signal_number: int, *faults: str) -> None:
        super().__init__(*faults)
        self.exit_code = 128 + signal_number


@contextmanager
def gathering(faults: list[str]) -> Iterator[None]:
    """Add the faults of a ``UsageError`` to a list and go on after the block."""
    try:
        yield
    except UsageError as error:
        faults += error.faults
