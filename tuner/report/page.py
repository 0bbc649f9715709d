"""Puts the sections of one or several runs on one page that needs nothing else."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from tuner import __version__
from tuner.report.curves import anytime, trials
from tuner.report.effort import rungs, time
from tuner.report.environment import environment
from tuner.report.learning import failures, first_points, forecast, refused, weight
from tuner.report.markup import cut, shown
from tuner.report.material import Run
from tuner.report.parameters import coordinates, importance
from tuner.report.result import headline, overview, result
from tuner.report.section import Section
from tuner.report.used import used
from tuner.summary import SYNTHETIC

HERE = Path(__file__).parent
SECTIONS = (
    *(trials, coordinates, importance, rungs, time, used),
    *(first_points, weight, forecast, refused, failures, environment),
)
"""The sections of one study after its result and its anytime curve, in the order of the page."""


def study_page(runs: Sequence[Run]) -> str:
    """The page of one run, or of several of one task."""
    study = runs[0].study
    if len(runs) == 1:
        (run,) = runs
        first, *others = sections_of(run)
        sections = [first, anytime(runs), *others]
        title = f"{study.task.id}, {study.arm}, seed {study.seed}"
        return page(title, sections, [headline(run)], synthetic=run.synthetic)
    studies = [(_name(run), sections_of(run)) for run in runs]
    title = f"{study.task.id}, {len(runs)} studies"
    synthetic = any(run.synthetic for run in runs)
    sections = [overview(list(runs)), anytime(runs)]
    return page(title, sections, [], studies, synthetic=synthetic)


def sections_of(run: Run) -> list[Section]:
    """All about one study but its anytime curve, which studies share."""
    return [result(run), *(section(run) for section in SECTIONS)]


def _name(run: Run) -> str:
    return f"{run.study.arm}, seed {run.study.seed} ({run.directory.name})"


def page(
    title: str,
    sections: Sequence[Section],
    lead: Sequence[str],
    studies: Sequence[tuple[str, Sequence[Section]]] = (),
    synthetic: bool = False,
) -> str:
    """Sections as one HTML page: no script, no address of anything outside."""
    style = (HERE / "style.css").read_text()
    digest = b64encode(sha256(style.encode()).digest()).decode()
    environment = Environment(
        autoescape=True, finalize=shown, undefined=StrictUndefined, trim_blocks=False
    )
    environment.filters["cut"] = cut
    return environment.from_string((HERE / "page.html").read_text()).render(
        title=title,
        lead=lead,
        sections=sections,
        studies=studies,
        synthetic=SYNTHETIC if synthetic else "",
        version=__version__,
        style=Markup(style),  # our own file
        policy=(
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        ),
    )
