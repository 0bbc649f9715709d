"""The starter history: trials that the project itself ran, for whom has no past of his own yet.

``benchmarks/starter.py`` makes the file.
"""

from pathlib import Path

from meta.study import Study

PATH = Path(__file__).with_name("starter.parquet")


def starter_studies() -> list[Study]:
    """Boosted trees on every built-in tabular task, twice, and on tables of R, once each."""
    from tuner.importers.archive import read_archive

    return read_archive(PATH)
