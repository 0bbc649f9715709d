"""MLflow: a projection of the journal for people to look at, and the memory of past studies.

The journal is the truth. ``Projector`` copies it to MLflow in the background; ``read_studies``
reads past studies back, ``write_studies`` adds those from elsewhere. Nothing else in the program
knows MLflow.
"""

from tuner.tracking.projector import Projector
from tuner.tracking.reader import PastStudies, read_studies
from tuner.tracking.store import StoreUnavailable
from tuner.tracking.ui import open_ui
from tuner.tracking.writer import write_studies

__all__ = [
    "PastStudies",
    "Projector",
    "StoreUnavailable",
    "open_ui",
    "read_studies",
    "write_studies",
]
