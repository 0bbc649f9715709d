"""What came of a study: its state, the best configuration, its values, and how to repeat it."""

from collections import Counter
from statistics import fmean

from meta.space import Categorical, Parameter
from meta.study import Trial, TrialState
from tuner.comparison.repeat import study_command
from tuner.final_result import FinalResult
from tuner.report.axes import number
from tuner.report.material import Run
from tuner.report.section import Section, Table


def result(run: Run) -> Section:
    """The headline of one study."""
    best = run.study.best
    tables = [] if best is None else [_configuration(run, best), _values(run, best)]
    if run.tested and len(run.tested.fits) > 1:
        tables.append(_seeds(run, run.tested))
    return Section(
        "result",
        "Result",
        notes=[_counts(run), *_ends(run)],
        tables=tables,
        commands=_commands(run),
        missing=_missing(run),
    )


def headline(run: Run) -> str:
    """The result in one sentence."""
    study, best = run.study, run.study.best
    if best is None:
        return f"No trial of {study.task.id} has completed."
    text = f"Best {study.metric.name} {best.value:.6g} on validation data"
    if run.tested:
        text += f", {run.tested.text()}"
    return f"{text} (trial {best.id} of {len(study.trials)}; {best.origin})."


def _counts(run: Run) -> str:
    counts = Counter(trial.state for trial in run.study.trials)
    words = ", ".join(f"{counts[state]} {state.lower()}" for state in TrialState if counts[state])
    wanted = (run.config.get("budget") or {}).get("trials")
    of = f" of {wanted}" if wanted else ""
    text = f"{len(run.study.trials)}{of} trials in {run.seconds:.0f} s: {words or 'none'}."
    if run.finished and run.finished.gpu_hours:
        text += f" {run.finished.gpu_hours:.3g} GPU-hours."
    return text


def _ends(run: Run) -> list[str]:
    notes = [f"The study ended: {run.finished.reason}."] if run.finished else []
    if run.pauses:
        notes.append(
            f"The study was interrupted and resumed {len(run.pauses)} times;"
            f" {sum(run.pauses):.0f} s passed in between, which count nowhere."
        )
    return notes


def _missing(run: Run) -> list[str]:
    missing = []
    if run.finished is None:
        missing.append(
            "This study has not ended: what follows is what it has come to so far. If nobody"
            " works on it, the first command below goes on with it."
        )
    if run.study.best is None:
        missing.append("There is no best configuration: no trial completed.")
    elif run.tested is None:
        missing.append("There is no value on test data: the final fit was not made.")
    return missing


def _configuration(run: Run, best: Trial) -> Table:
    rows = [
        (name, best.recommended.get(name), _range(parameter))
        for name, parameter in run.study.space.parameters.items()
    ]
    return Table("Best configuration", ("parameter", "value", "searched"), rows)


def _range(parameter: Parameter) -> str:
    if isinstance(parameter, Categorical):
        return ", ".join(map(str, parameter.choices))
    scale = " on a log scale" if parameter.log else ""
    return f"{number(parameter.low)} to {number(parameter.high)}{scale}"


def _values(run: Run, best: Trial) -> Table:
    name = run.study.metric.name
    validation = {name: best.value, **best.measurements[-1].metrics}
    test = {name: run.tested.value, **run.tested.metrics} if run.tested else {}
    rows = [
        (key, validation.get(key), test.get(key)) for key in dict.fromkeys([*validation, *test])
    ]
    return Table("Its values", ("metric", "validation", "test"), rows)


def _seeds(run: Run, tested: FinalResult) -> Table:
    """The test value of each training of the best configuration."""
    rows = [(fit.seed, fit.value, f"{fit.seconds:.0f}") for fit in tested.fits]
    return Table("Test value of each final training", ("seed", run.study.metric.name, "s"), rows)


def _commands(run: Run) -> list[str]:
    commands = [] if run.finished else [f"tuner resume {run.directory}"]
    if command := run.header.get("command"):
        commands.append(study_command(run.study.arm, command))
    return commands


def overview(runs: list[Run]) -> Section:
    """All studies of a page with several, and the mean of each arm."""
    metric = runs[0].study.metric.name
    rows = [
        (
            run.study.arm,
            run.study.seed,
            len(run.study.trials),
            run.study.best and run.study.best.value,
            run.tested and run.tested.value,
            f"{run.seconds:.0f}",
            run.finished.reason if run.finished else "not ended",
            run.directory.name,
        )
        for run in runs
    ]
    head = ("arm", "seed", "trials", metric, "on test", "seconds", "end", "run")
    return Section("studies", "Studies", _means(runs), tables=[Table("Studies", head, rows)])


def _means(runs: list[Run]) -> list[str]:
    notes = []
    for arm in dict.fromkeys(run.study.arm for run in runs):
        bests = [run.study.best for run in runs if run.study.arm == arm]
        values = [best.value for best in bests if best is not None and best.value is not None]
        if len(values) > 1:
            name = runs[0].study.metric.name
            notes.append(f"{arm}: best {name} {fmean(values):.6g}, mean of {len(values)} studies.")
    return notes
