"""The tabular data sets: two that scikit-learn offers, three that it carries, two from UCI.

``adult`` keeps all 14 features, ``fnlwgt`` (a sampling weight) among them, as published benchmarks
do. ``wine-quality`` is red and white wine in one table of 6,497 rows with the colour as a twelfth
feature; 1,177 rows repeat the features of another. Published values that split such rows at random
test partly on what was trained on; here identical rows stay on one side, so errors are larger.
``cpu``, ``kr-vs-kp`` and ``titanic`` are the data sets 561, 3 and 40945 of OpenML, whole, which
scikit-learn is installed with for its own tests. Of ``titanic`` the texts are left out, and so are
``boat`` and ``body``, which tell who survived.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from trainables.base import DataRequest, DataUnavailable
from trainables.data import fetch
from trainables.data.table import ArffFile, Layout, Table, TextFile, read


@dataclass(frozen=True)
class Source:
    """A data set: what it looks like and how its table is read.

    ``columns`` as in ``Table``. The first ``official`` rows, if any, are the published training
    set. Without an ``archive`` it comes with scikit-learn. ``rows`` and the share of ``missing``
    values describe it for ``synthesize``.
    """

    kind: str
    columns: Mapping[str, int]
    rows: int
    read: Callable[[DataRequest], Table]
    archive: fetch.Archive | None = None
    official: int | None = None
    missing: float = 0.0


ADULT = fetch.Archive(
    "adult",
    "/static/public/2/adult.zip",
    "adult",
    {
        "adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
        "adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    },
)
ADULT_COLUMNS = {
    "age": 0,
    "workclass": 8,
    "fnlwgt": 0,
    "education": 16,
    "education-num": 0,
    "marital-status": 7,
    "occupation": 14,
    "relationship": 6,
    "race": 5,
    "sex": 2,
    "capital-gain": 0,
    "capital-loss": 0,
    "hours-per-week": 0,
    "native-country": 41,
}
CPU_COLUMNS = {
    "vendor": 30,
    **dict.fromkeys(("MYCT", "MMIN", "MMAX", "CACH", "CHMIN", "CHMAX"), 0),
}
CHESS_INPUTS = (
    *("bkblk", "bknwy", "bkon8", "bkona", "bkspr", "bkxbq", "bkxcr", "bkxwp", "blxwp", "bxqsq"),
    *("cntxt", "dsopp", "dwipd", "hdchk", "katri", "mulch", "qxmsq", "r2ar8", "reskd", "reskr"),
    *("rimmx", "rkxwp", "rxmsq", "simpl", "skach", "skewr", "skrxp", "spcop", "stlmt", "thrsk"),
    *("wkcti", "wkna8", "wknck", "wkovl", "wkpos", "wtoeg"),
)
CHESS_COLUMNS = {**dict.fromkeys(CHESS_INPUTS, 2), "katri": 3}
TITANIC_COLUMNS = {
    "pclass": 0,
    "sex": 2,
    "age": 0,
    "sibsp": 0,
    "parch": 0,
    "fare": 0,
    "embarked": 3,
}
TITANIC_FIELDS = (
    *("pclass", "survived", "name", "sex", "age", "sibsp", "parch", "ticket", "fare", "cabin"),
    *("embarked", "boat", "body", "home.dest"),
)
WINE = fetch.Archive(
    "wine-quality",
    "/static/public/186/wine+quality.zip",
    "wine+quality",
    {
        "winequality-red.csv": "4a402cf041b025d4566d954c3b9ba8635a3a8a01e039005d97d6a710278cf05e",
        "winequality-white.csv": "76c3f809815c17c07212622f776311faeb31e87610d52c26d87d6e361b169836",
    },
)
WINE_INPUTS = (
    "fixed acidity",
    "volatile acidity",
    "citric acid",
    "residual sugar",
    "chlorides",
    "free sulfur dioxide",
    "total sulfur dioxide",
    "density",
    "pH",
    "sulphates",
    "alcohol",
)
WINE_COLUMNS = {**dict.fromkeys(WINE_INPUTS, 0), "colour": 2}


def _adult(request: DataRequest) -> Table:
    paths = fetch.files(ADULT, request)
    fields = (*ADULT_COLUMNS, "income")
    layout = Layout(fields, "income", ADULT_COLUMNS, labels=("<=50K", ">50K"))
    return read([TextFile(paths["adult.data"]), TextFile(paths["adult.test"], skip=1)], layout)


def _wine_quality(request: DataRequest) -> Table:
    paths = fetch.files(WINE, request)
    fields = (*WINE_INPUTS, "quality", "colour")
    layout = Layout(fields, "quality", WINE_COLUMNS, delimiter=";")
    colours = ("red", "white")
    files = [TextFile(paths[f"winequality-{colour}.csv"], 1, (colour,)) for colour in colours]
    return read(files, layout)


def _diabetes(_: DataRequest) -> Table:
    from sklearn.datasets import load_diabetes

    return _bundled(load_diabetes(scaled=False))


def _breast_cancer(_: DataRequest) -> Table:
    from sklearn.datasets import load_breast_cancer

    return _bundled(load_breast_cancer())


def _cpu(_: DataRequest) -> Table:
    layout = Layout((*CPU_COLUMNS, "class"), "class", CPU_COLUMNS)
    return read([_openml("id_561/data-v1-dl-52739.arff.gz")], layout)


def _chess(_: DataRequest) -> Table:
    layout = Layout((*CHESS_COLUMNS, "class"), "class", CHESS_COLUMNS, ("nowin", "won"))
    return read([_openml("id_3/data-v1-dl-3.arff.gz")], layout)


def _titanic(_: DataRequest) -> Table:
    layout = Layout(TITANIC_FIELDS, "survived", TITANIC_COLUMNS, ("0", "1"))
    return read([_openml("id_40945/data-v1-dl-16826755.arff.gz")], layout)


def _openml(name: str) -> ArffFile:
    path = Path(str(files("sklearn"))) / "datasets" / "tests" / "data" / "openml" / name
    if not path.is_file():
        raise DataUnavailable(f"this scikit-learn comes without {path}. Install it from PyPI.")
    return ArffFile(path)


def _bundled(bunch: Any) -> Table:
    columns = dict.fromkeys(map(str, bunch.feature_names), 0)
    return Table(bunch.data.astype(np.float32), bunch.target.astype(np.float32), columns)


DIABETES_COLUMNS = dict.fromkeys(["age", "sex", "bmi", "bp", *(f"s{i}" for i in range(1, 7))], 0)
CELL_TRAITS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)
BREAST_CANCER_COLUMNS = {
    **{f"mean {trait}": 0 for trait in CELL_TRAITS},
    **{f"{trait} error": 0 for trait in CELL_TRAITS},
    **{f"worst {trait}": 0 for trait in CELL_TRAITS},
}

SOURCES = {
    "diabetes": Source("regression", DIABETES_COLUMNS, 442, _diabetes),
    "breast-cancer": Source("binary", BREAST_CANCER_COLUMNS, 569, _breast_cancer),
    "cpu": Source("regression", CPU_COLUMNS, 209, _cpu),
    "kr-vs-kp": Source("binary", CHESS_COLUMNS, 3_196, _chess),
    "titanic": Source("binary", TITANIC_COLUMNS, 1_309, _titanic, missing=0.0290),
    "adult": Source(
        "binary", ADULT_COLUMNS, 48_842, _adult, ADULT, official=32_561, missing=0.0095
    ),
    "wine-quality": Source("regression", WINE_COLUMNS, 6_497, _wine_quality, WINE),
}
