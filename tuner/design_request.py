"""From the command line to the design of an experiment: ``--arms``, ``--repeats`` and ``--all``."""

from argparse import Namespace
from collections.abc import Iterator, Sequence

from tuner.config import ARMS, RunOptions, StudyConfig
from tuner.design import FEWEST_REPEATS, REPEATS, Design
from tuner.errors import UsageError
from tuner.suggest import did_you_mean

MOST_REPEATS = 100
LAST_SEED = 2**32 - 1


def is_experiment(arguments: Namespace) -> bool:
    """Whether more than one study of each task, or all tasks, are asked for."""
    given = vars(arguments)
    return bool(given.get("arms") or given.get("repeats") or given.get("all"))


def design_faults(arguments: Namespace) -> Iterator[str]:
    """What is wrong with the options that make an experiment, or with their absence."""
    given = vars(arguments)
    if given.get("all") and given["tasks"]:
        yield "--all: stands for all tasks, others are named too. Leave one of them out."
    if not given.get("all") and not given["tasks"]:
        yield f"TASK: name a task to {arguments.name}. See `tuner {arguments.name} --help`."
    repeats = given.get("repeats")
    if repeats is not None:
        yield from _repeats_faults(repeats)
    arms = given.get("arms")
    if arms is not None:
        yield from _arms_faults(arms.split(","))
        if given["baseline"]:
            yield "--baseline: is the arm cold, contradicts --arms. Leave one of them out."


def _repeats_faults(text: str) -> Iterator[str]:
    if not text.isdecimal() or int(text) > MOST_REPEATS:
        what = f"whole number {FEWEST_REPEATS} to {MOST_REPEATS} expected, got {text!r}"
        yield f"--repeats: {what}. Write e.g. {REPEATS}."
    elif int(text) < FEWEST_REPEATS:
        need = f"a test needs at least {FEWEST_REPEATS} repeats ({REPEATS} advised)"
        yield f"--repeats: {need}, got {text}. Write e.g. {REPEATS}."


def _arms_faults(arms: Sequence[str]) -> Iterator[str]:
    for arm in dict.fromkeys(arms):
        if arm not in ARMS:
            yield f"--arms: unknown arm {arm!r}. {did_you_mean(arm, ARMS)}"
    if len(set(arms)) < len(arms):
        yield f"--arms: an arm is named twice in {','.join(arms)!r}. Write e.g. cold,warm."


def design(
    arguments: Namespace, studies: Sequence[tuple[StudyConfig, RunOptions]]
) -> tuple[Design, RunOptions]:
    """The design that a faultless command line asks for, and how to run it."""
    configs = tuple(config for config, _ in studies)
    options = studies[0][1]
    arms = tuple(arguments.arms.split(",")) if arguments.arms else (options.arm,)
    repeats = int(arguments.repeats) if arguments.repeats else REPEATS if len(arms) > 1 else 1
    first = configs[0].seed
    twice = {config.task.id for config in configs if _count(configs, config.task.id) > 1}
    if twice:
        raise UsageError(
            f"two configurations of {', '.join(sorted(twice))}. Leave one of them out."
        )
    if first + repeats - 1 > LAST_SEED:
        what = f"{repeats} repeats from {first} on pass {LAST_SEED}"
        raise UsageError(f"--seed: {what}. Write e.g. 0.")
    budget = configs[0].budget
    return (
        Design(
            configs=configs,
            arms=arms,
            seeds=tuple(range(first, first + repeats)),
            commands=tuple(own.command for _, own in studies),
            data_dir=str(options.data_dir.absolute()) if options.data_dir else None,
            finalize=options.finalize,
            time_seconds=budget.time_seconds if arguments.all else None,
            gpu_hours=budget.gpu_hours if arguments.all and arguments.gpu_hours else None,
        ),
        options,
    )


def _count(configs: Sequence[StudyConfig], task: str) -> int:
    return sum(config.task.id == task for config in configs)
