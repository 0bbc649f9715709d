"""From the command line to the design of an experiment."""

import shlex

from tuner.design import Design, Slice
from tuner.design_request import design
from tuner.parser import parse
from tuner.request import asked_studies
from tuner.tasks import mission


def _design(line: str) -> Design:
    arguments = parse(shlex.split(line))
    made, _ = design(arguments, asked_studies(arguments))
    return made


def test_all_asks_for_the_twelve_tasks_within_one_budget() -> None:
    made = _design("run --all --time-budget 2h --gpu-hours 10")
    tasks = [(member.task, member.arm) for member in made.members()]
    assert len(set(tasks)) == len(tasks) == 12
    assert {task for task, _ in tasks} == set(mission())
    assert (made.time_seconds, made.gpu_hours) == (7200, 10)
    assert made.command == (
        "tuner run --all --time-budget 2h --gpu-hours 10 --seed 0 --arms warm --repeats 1"
    )


def test_without_all_each_study_has_the_budget_for_itself() -> None:
    made = _design("run wine-quality-xgboost adult-xgboost --repeats 3 --time-budget 2h")
    assert (made.time_seconds, made.gpu_hours, made.arms) == (None, None, ("warm",))
    assert {config.budget.time_seconds for config in made.configs} == {7200}


def test_a_study_of_a_shared_budget_is_repeated_with_its_own_part() -> None:
    made = _design("run --all --time-budget 2h --gpu-hours 10 --trials 9")
    told = made.study_command(made.members()[-1], Slice(523.456, 0.75))
    assert told == (
        "tuner run wine-quality-lightgbm --trials 9 --time-budget 523.46s --gpu-hours 0.7500"
        " --seed 0"
    )
