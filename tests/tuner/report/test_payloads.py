"""Whatever stands in a name, a parameter or a reason: on the page it is text."""

from dataclasses import replace

import pytest

from meta.space import Categorical, Float, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState
from tests.tuner.report.comparisons import comparison
from tests.tuner.report.pages import PAST, Page, finished_run, run
from tuner.events import FinalFit, Finished
from tuner.report.arms import comparison_page
from tuner.report.material import Run
from tuner.report.page import study_page

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</svg><iframe srcdoc='<script>alert(1)</script>'>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "javascript:alert(1)",
    "<a href='javascript:alert(1)'>x</a>",
    "<!-- --><base href=//evil.example>",
    "]]><script>alert(1)</script>",
    "{{ 7 * 7 }}{% for x in () %}",
    "${7*7}<%= 7*7 %>",
    "&lt;script&gt;&#x3c;script&#x3e;",
    "<style>@import url(//evil.example)</style>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "\u202egpj.exe\u2066\x00\x1b[2J\x07\x9b",
    "\ud800<script>alert(1)</script>" + "A" * 1_000_000,
)


def poisoned(text: str) -> Run:
    """A run in which everything that came from outside is ``text``."""
    space = SearchSpace({text: Categorical((text, "b")), "lr": Float(1e-4, 1.0, log=True)})
    config = {text: text, "lr": 0.01}
    trials = tuple(
        Trial(n, config, state, (Measurement(1, n / 9, 1.0, {text: 1.0}),), text, text, n, 1.0)
        for n, state in enumerate((TrialState.COMPLETED, TrialState.FAILED, TrialState.STOPPED))
    )
    past = {
        **PAST,
        "points": [{"config": config, "reason": text, "sources": [text]}],
        "sources": [{"id": text, "name": text, "related": 1.0, "trials": 1}],
        "refused": {text: 1},
        "unavailable": [text],
    }
    header = {
        "config": {"seed": 0, text: text, "budget": {"trials": 3, "max_steps": 3,
                   "grace_steps": 1, "reduction_factor": 3}},
        "command": text, "versions": {text: text}, "past": past, "data_dir": text,
    }  # fmt: skip
    ran = run(*trials, header=header, ends=(Finished(text), FinalFit(config, 0.1, {text: 1.0})))
    study = Study(
        text, Task(text, text), space, Metric(text, "min"), 0, text, trials, {text: 1.0}, text
    )
    return Run(ran.directory, study, header, ran.entries)


def skeleton(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """The elements and the names of their attributes, without what they hold."""
    return [(tag, tuple(attributes)) for tag, attributes in Page(html).elements]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_payload_makes_no_element_and_no_attribute(payload: str) -> None:
    runs = [poisoned(payload), poisoned(payload)]
    innocent = [poisoned("harmless"), poisoned("harmless")]
    for few in (1, 2):
        assert skeleton(study_page(runs[:few])) == skeleton(study_page(innocent[:few]))


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_payload_in_a_comparison_is_text(payload: str) -> None:
    assert skeleton(comparison_page(comparison(payload))) == skeleton(
        comparison_page(comparison("harmless"))
    )
    assert skeleton(_with_a_study(payload)) == skeleton(_with_a_study("harmless"))


def _with_a_study(text: str) -> str:
    shown = poisoned(text)
    tasks, arms = (shown.study.task.id,), (shown.study.arm,)
    made = replace(comparison(text), tasks=tasks, arms=arms, curves=())
    html = comparison_page(made, [shown])
    assert 'id="run1-weight"' in html
    return html


def test_a_payload_is_shown_as_it_is() -> None:
    assert PAYLOADS[0] in Page(study_page([poisoned(PAYLOADS[0])])).text


def test_control_and_direction_characters_are_made_visible() -> None:
    html = study_page([poisoned(PAYLOADS[18])])
    assert not set("\u202e\u2066\x00\x1b\x07\x9b") & set(html)
    assert "\\u202egpj.exe" in html


def test_a_long_text_is_cut_and_the_page_can_be_encoded() -> None:
    assert len(study_page([poisoned(PAYLOADS[19])]).encode()) < 200_000


def test_no_password_is_shown() -> None:
    ran = finished_run()
    config = {**ran.config, "tracking": {"uri": "http://user:secret@host:5000"}}
    past = {**PAST, "sources": [], "unavailable": ["http://user:secret@host: refused"]}
    header = {**ran.header, "config": config, "past": past}
    html = study_page([Run(ran.directory, ran.study, header, ran.entries)])
    assert "secret" not in html
    assert "user:***@host" in html
