from pathlib import Path

import numpy as np
import pytest

from tests.trainables.data.conftest import ArchiveServer, zipped
from trainables.base import DataRequest, DataUnavailable
from trainables.data import sources
from trainables.data.fetch import Archive
from trainables.data.sources import ADULT, SOURCES, WINE
from trainables.data.table import Table

REAL = ["adult", "wine-quality"]
BUNDLED = ["diabetes", "breast-cancer", "cpu", "kr-vs-kp", "titanic"]


def read(name: str, shared_dir: Path | None = None) -> Table:
    directory = shared_dir / "data" if shared_dir else None
    return SOURCES[name].read(DataRequest(name, 0, directory=directory))


def declared_and_found(name: str, table: Table) -> None:
    source = SOURCES[name]
    assert table.x.shape == (source.rows, len(source.columns))
    assert table.columns == source.columns
    assert table.faults(source.kind == "binary") == []
    assert np.isnan(table.x).mean() == pytest.approx(source.missing, abs=5e-5)
    for column, (name, categories) in zip(table.x.T, source.columns.items(), strict=True):
        codes = set(column[~np.isnan(column)])
        assert not categories or codes == set(range(categories)), name


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_data_set_looks_as_declared(name: str) -> None:
    declared_and_found(name, read(name))


@pytest.mark.parametrize("name", REAL)
def test_a_uci_data_set_looks_as_declared(name: str, shared_dir: Path) -> None:
    declared_and_found(name, read(name, shared_dir))


def test_openml_data_sets_are_whole_with_their_published_counts() -> None:
    assert read("titanic").y.sum() == 500
    assert read("kr-vs-kp").y.sum() == 1_669
    assert read("cpu").y.max() == 1_238


def test_a_scikit_learn_without_its_tests_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "files", lambda package: tmp_path)
    with pytest.raises(DataUnavailable, match=r"comes without .*id_40945.* Install it from PyPI"):
        read("titanic")


def test_adult_is_both_files_with_their_published_counts(shared_dir: Path) -> None:
    table = read("adult", shared_dir)
    official = SOURCES["adult"].official
    assert len(table.y) == 48_842
    assert official == 32_561
    assert table.y[:official].sum() == 7_841
    assert table.y[official:].sum() == 3_846


def test_the_first_row_of_adult_reads_as_written(shared_dir: Path) -> None:
    row = dict(zip(SOURCES["adult"].columns, read("adult", shared_dir).x[0], strict=True))
    assert row["age"] == 39
    assert row["fnlwgt"] == 77516
    assert row["capital-gain"] == 2174
    assert row["workclass"] == 6  # State-gov of Federal-gov, Local-gov, Never-worked, Private, …
    assert row["sex"] == 1  # Male of Female, Male


def test_wine_quality_is_red_and_white_wine_with_its_colour(shared_dir: Path) -> None:
    table = read("wine-quality", shared_dir)
    assert len(table.y) == 6_497
    assert (table.x[:, -1] == 0).sum() == 1_599
    assert list(table.x[0, :3]) == pytest.approx([7.4, 0.7, 0])
    assert set(table.y) == {3, 4, 5, 6, 7, 8, 9}
    assert len(np.unique(table.x, axis=0)) == 6_497 - 1_177


@pytest.mark.parametrize(
    ("archive", "path"),
    [(ADULT, "/static/public/2/adult.zip"), (WINE, "/static/public/186/wine+quality.zip")],
)
def test_a_uci_data_set_is_fetched_from_its_documented_path(
    archive: Archive, path: str, archive_server: ArchiveServer, shared_dir: Path, tmp_path: Path
) -> None:
    copy = shared_dir / "data" / "uci" / archive.folder
    archive_server.pages[path] = zipped({file.name: file.read_bytes() for file in copy.iterdir()})
    fetched = SOURCES[archive.name].read(DataRequest(archive.name, 0, cache=tmp_path))
    np.testing.assert_array_equal(fetched.x, read(archive.name, shared_dir).x)
    assert archive_server.asked == [path]
