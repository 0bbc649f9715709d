"""One self-contained HTML page per study, and per comparison, from run directories alone."""

import os
from collections.abc import Sequence
from pathlib import Path

from tuner.comparison.records import Comparison
from tuner.errors import EnvironmentFault
from tuner.report.arms import comparison_page
from tuner.report.material import read_run, read_runs
from tuner.report.page import study_page


def write_report(directories: Sequence[Path], file: Path) -> None:
    """Write the page of runs of one task to ``file``, whole or not at all.

    Raises ``RunDirectoryError`` for what holds no study or is damaged, ``UsageError`` for runs that
    do not belong on one page, ``EnvironmentFault`` if the file cannot be written.
    """
    _write(study_page(read_runs(directories)), file)


def write_comparison(comparison: Comparison, file: Path) -> None:
    """Write the page of a comparison to ``file``, whole or not at all; raises as the above."""
    runs = [read_run(Path(directory)) for directory in comparison.directories]
    _write(comparison_page(comparison, runs), file)


def _write(html: str, file: Path) -> None:
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        temporary.write_text(html, encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        what = f"{file}: cannot be written ({error.strerror})"
        raise EnvironmentFault(f"{what}. Use --html with another file.") from None
