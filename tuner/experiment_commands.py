"""The commands about several arms: run an experiment, go on with one, compare."""

from argparse import Namespace
from pathlib import Path

from tuner.config import RunOptions
from tuner.design import Design
from tuner.terminal import say, say_json


def run_arms(design: Design, options: RunOptions) -> None:
    """Run a new experiment and say what came of it."""
    from tuner.experiment import run_experiment

    report = run_experiment(design, options)
    say_json(report.to_json()) if options.json else say(report.text())


def resume_arms(directory: Path, options: RunOptions) -> None:
    """Go on with an experiment and say what came of it."""
    from tuner.experiment import resume_experiment

    report = resume_experiment(directory, options)
    say_json(report.to_json()) if options.json else say(report.text())


def compare_arms(arguments: Namespace) -> None:
    """Compare the arms of finished studies."""
    from tuner.comparison.compare import compare
    from tuner.comparison.find import find_runs
    from tuner.comparison.tables import text

    comparison = compare(*find_runs(arguments.sources))
    if arguments.export:
        from tuner.comparison.export import export

        export(comparison, arguments.export)
    if arguments.html:
        from tuner.report import write_comparison

        write_comparison(comparison, arguments.html)
    say_json(comparison.to_json()) if arguments.json else say(text(comparison))
