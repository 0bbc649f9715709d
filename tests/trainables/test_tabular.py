from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas
import pytest
import xgboost

from tests.trainables.recorder import Recorder
from trainables import boosters, tabular
from trainables.base import DataRequest
from trainables.data.tabular import HeldOut, TabularData
from trainables.metrics import METRICS, measure

MODELS = ["xgboost", "lightgbm"]
SAMPLED = {"learning_rate": 0.3, "max_depth": 4, "n_estimators": 157, "subsample": 0.6}
WHOLE = {**SAMPLED, "subsample": 1.0}
CODES = np.float32([0, 8, 0, 16, 0, 7, 14, 6, 5, 2, 0, 0, 0, 41])  # of a missing category of Adult


@pytest.fixture(scope="module")
def data() -> TabularData:
    """A small binary task with categories, missing values and wrong labels to overfit on."""
    big = tabular.load(DataRequest("adult", 0, synthetic=True)).payload
    rows, rng = np.arange(3_000), np.random.default_rng(0)
    x = big.x[rows].copy()
    x[rng.random(x.shape) < 0.05] = np.nan
    y = np.where(rng.random(3_000) < 0.25, 1 - big.y[rows], big.y[rows])
    return replace(
        big,
        x=x,
        y=y,
        train=rows[:2_000],
        validation=rows[2_000:2_500],
        fingerprint="small",
    )


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    """A test part for that task."""
    rows = tabular.load(DataRequest("adult", 0, synthetic=True)).held_out
    return HeldOut(rows.x[:500].copy(), rows.y[:500])


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(data: TabularData, model: str, config: dict[str, Any], **context: Any) -> Recorder:
    recorder = Recorder(model, data, **context)
    tabular.train(config, recorder)
    return recorder


def fit_anew(data: TabularData, model: str, config: dict[str, Any], rows: Any, at: Any) -> Any:
    """What the library's own one-call training on ``rows`` predicts for the table ``at``."""
    x, valid = (np.where(np.isnan(x) & data.categorical, CODES, x) for x in (data.x[rows], at))
    y, rounds = data.y[rows], config["n_estimators"]
    if model == "xgboost":
        types = ["c" if categorical else "q" for categorical in data.categorical]
        common = {"feature_types": types, "enable_categorical": True}
        parameters = {
            "objective": "binary:logistic" if data.kind == "binary" else "reg:squarederror",
            "tree_method": "hist",
            "max_cat_to_onehot": 64,
            "eta": config["learning_rate"],
            "max_depth": config["max_depth"],
            "subsample": config["subsample"],
            "seed": 0,
            "nthread": 1,
        }
        booster = xgboost.train(parameters, xgboost.DMatrix(x, y, **common), rounds)
        return booster.predict(xgboost.DMatrix(valid, **common))
    parameters = {
        "objective": data.kind,
        "learning_rate": config["learning_rate"],
        "max_depth": config["max_depth"],
        "num_leaves": min(2 ** config["max_depth"], boosters.MAX_LEAVES),
        "bagging_fraction": config["subsample"],
        "bagging_freq": 1,
        "max_cat_to_onehot": 64,
        "seed": 0,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    categorical = np.flatnonzero(data.categorical).tolist()
    dataset = lightgbm.Dataset(x, y, categorical_feature=categorical, params={"verbosity": -1})
    return lightgbm.train(parameters, dataset, rounds).predict(valid, num_threads=1)


@pytest.mark.parametrize("config", [WHOLE, SAMPLED], ids=["whole", "sampled"])
def test_the_curve_at_each_step_is_that_of_a_separate_fit_with_so_many_rounds(
    data: TabularData, model: str, config: dict[str, Any]
) -> None:
    truth = data.y[data.validation]
    reports = run(data, model, config, options={"early_stopping": 0}).reports
    assert [report.step for report in reports] == list(range(1, 11))
    assert [report.metrics["rounds"] for report in reports] == [
        16, 32, 48, 63, 79, 95, 110, 126, 142, 157,
    ]  # fmt: skip
    for report in reports[::4] + reports[-1:]:
        short = {**config, "n_estimators": int(report.metrics["rounds"])}
        prediction = fit_anew(data, model, short, data.train, data.x[data.validation])
        curve = METRICS["binary"]["rmse"](truth, prediction)
        assert report.metrics["curve"] == pytest.approx(curve, rel=1e-6)


@pytest.mark.parametrize("config", [WHOLE, SAMPLED], ids=["whole", "sampled"])
def test_the_value_is_that_of_a_separate_fit_with_the_recommended_rounds(
    data: TabularData, model: str, config: dict[str, Any]
) -> None:
    last = run(data, model, config).reports[-1]
    recommended = {**config, **last.config}
    assert recommended["n_estimators"] < config["n_estimators"]
    prediction = fit_anew(data, model, recommended, data.train, data.x[data.validation])
    measured = measure("binary", data.y[data.validation].astype(float), prediction.astype(float))
    assert last.value == pytest.approx(measured["rmse"], rel=1e-6)
    for name, value in measured.items():
        assert last.metrics[name] == pytest.approx(value, rel=1e-5), name


@pytest.mark.parametrize("config", [WHOLE, SAMPLED], ids=["whole", "sampled"])
def test_predictions_grown_tree_by_tree_are_the_full_predictions(
    data: TabularData, model: str, config: dict[str, Any]
) -> None:
    parameters = {key: value for key, value in config.items() if key != "n_estimators"}
    little, whole = (tabular._booster(parameters, Recorder(model, data))[1] for _ in range(2))
    for rounds in range(10, 121, 10):
        grown = little(rounds)
    np.testing.assert_array_equal(grown, whole(120))


def test_the_value_is_that_of_the_best_prefix_of_at_least_100_rounds(
    data: TabularData, model: str
) -> None:
    reports = run(data, model, SAMPLED).reports
    for report in reports[:6]:
        assert report.value == report.metrics["curve"] == report.metrics["rmse"]
        assert not report.config
    late = reports[6:]
    assert [report.value for report in late] == sorted(
        (report.value for report in late), reverse=True
    )
    for report in late:
        assert report.value <= report.metrics["curve"]
        assert 100 <= report.config["n_estimators"] <= report.metrics["rounds"]
        assert report.value == report.metrics["rmse"]


def test_the_curve_is_searched_between_the_ends_of_steps_too(data: TabularData, model: str) -> None:
    (report,) = run(data, model, SAMPLED, max_steps=1).reports
    stops = [*range(100, 157, 10), 157]
    values = {}
    for rounds in stops:
        config = {**SAMPLED, "n_estimators": rounds}
        values[rounds] = run(data, model, config, max_steps=1).reports[0].metrics["curve"]
    assert report.value == min(values.values())
    assert report.config == {"n_estimators": min(values, key=lambda rounds: values[rounds])}
    assert report.config["n_estimators"] < 157


def test_a_trial_ends_when_two_steps_brought_nothing_better_unless_told_otherwise(
    data: TabularData, model: str
) -> None:
    long = {**SAMPLED, "learning_rate": 0.02, "n_estimators": 900}
    options: list[dict[str, Any]] = [{"early_stopping": 0}, {"early_stopping": 1}, {}]
    whole, shorter, short = (run(data, model, long, options=each).reports for each in options)
    assert len(shorter) + 1 == len(short) < len(whole) == 10
    assert short == whole[: len(short)]
    assert short[-4].value > short[-3].value == short[-2].value == short[-1].value


def test_a_metric_that_is_to_grow_is_reported_at_its_highest(data: TabularData, model: str) -> None:
    reports = run(replace(data, metric="auc"), model, SAMPLED).reports
    late = [report.value for report in reports[6:]]
    assert late == sorted(late)
    assert all(report.value >= report.metrics["curve"] for report in reports[6:])
    assert reports[-1].value == reports[-1].metrics["auc"]


def test_a_trial_of_fewer_than_100_rounds_reports_its_last_value(
    data: TabularData, model: str
) -> None:
    reports = run(data, model, {"n_estimators": 23}, max_steps=3).reports
    assert [report.metrics["rounds"] for report in reports] == [8, 16, 23]
    assert all(report.value == report.metrics["curve"] for report in reports)
    assert not any(report.config for report in reports)


def test_a_trial_of_fewer_rounds_than_steps_still_reports_each_step(
    data: TabularData, model: str
) -> None:
    reports = run(data, model, {"n_estimators": 3}).reports
    assert [report.metrics["rounds"] for report in reports] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 3]


def test_missing_keys_have_their_defaults_and_others_reach_the_library(
    data: TabularData, model: str
) -> None:
    plain = run(data, model, {}).values
    assert plain == run(data, model, dict(tabular.DEFAULTS)).values
    strict = {"xgboost": {"min_child_weight": 200}, "lightgbm": {"min_data_in_leaf": 500}}
    assert plain != run(data, model, strict[model]).values


def test_the_same_seed_gives_the_same_values_and_another_seed_others(
    data: TabularData, model: str
) -> None:
    first, again, other = (run(data, model, SAMPLED, seed=seed).values for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_two_threads_are_as_repeatable_as_one(data: TabularData, model: str) -> None:
    first, again = (run(data, model, SAMPLED, threads=2).values for _ in range(2))
    assert first == again


def test_a_trial_is_not_changed_by_those_before_it_on_the_same_matrices(
    data: TabularData, model: str
) -> None:
    others = [
        {"max_depth": 10, "subsample": 0.5, "learning_rate": 0.3},
        {"max_bin": 16},
        {"xgboost": {"lambda": 100, "max_cat_to_onehot": 1, "monotone_constraints": "(1)"},
         "lightgbm": {"min_data_in_leaf": 1, "lambda_l2": 100, "extra_trees": True}}[model],
    ]  # fmt: skip
    tabular._matrices.cache_clear()
    alone = run(data, model, SAMPLED).values
    for other in others:
        run(data, model, {"n_estimators": 20, **other})
    assert run(data, model, SAMPLED).values == alone
    tabular._matrices.cache_clear()
    run(data, model, {"n_estimators": 20, **others[2]})
    assert run(data, model, SAMPLED).values == alone


def test_a_column_that_few_rows_tell_apart_is_kept_for_a_trial_with_small_leaves(
    data: TabularData,
) -> None:
    y = np.float32(np.arange(3_000) % 200 == 0)  # 10 of 2,000 training rows; 20 fill a leaf
    told = {"x": y[:, None], "y": y, "columns": ("told",), "categorical": np.array([False])}
    rare = replace(data, **told, fingerprint="rare")
    large, small = (
        run(rare, "lightgbm", {"min_data_in_leaf": rows, "n_estimators": 100}).values[-1]
        for rows in (20, 1)
    )
    assert small < 0.01 < large


def test_matrices_are_built_once_and_anew_for_other_bins(data: TabularData, model: str) -> None:
    tabular._matrices.cache_clear()
    for config in ({}, {"max_depth": 3}, {"max_bin": 32}, {"max_bin": 32, "subsample": 0.5}):
        run(replace(data), model, {"n_estimators": 2, **config})
    assert tabular._matrices.cache_info().misses == 2
    run(replace(data, fingerprint="other"), model, {"n_estimators": 2})
    assert tabular._matrices.cache_info().misses == 3


def test_a_trial_needs_no_test_rows_and_a_final_training_measures_on_those_it_is_given(
    data: TabularData, held_out: HeldOut, model: str
) -> None:
    assert len(run(data, model, SAMPLED).values) == 9
    poisoned = HeldOut(held_out.x, 1 - held_out.y)
    tested = [
        run(data, model, SAMPLED, final=True, held_out=rows).values for rows in (held_out, poisoned)
    ]
    assert tested[1] > tested[0]


def test_the_final_training_fits_all_but_the_test_rows_and_reports_their_last_value_once(
    data: TabularData, held_out: HeldOut, model: str
) -> None:
    (report,) = run(data, model, WHOLE, final=True, held_out=held_out).reports
    rows = np.concatenate([data.train, data.validation])
    prediction = fit_anew(data, model, WHOLE, rows, held_out.x).astype(float)
    measured = measure("binary", held_out.y.astype(float), prediction)
    assert report.step == 10
    assert report.value == pytest.approx(measured["rmse"], rel=1e-6)
    assert report.metrics["auc"] == pytest.approx(measured["auc"], rel=1e-5)
    assert report.metrics["rounds"] == 157
    assert not report.config


def test_the_kept_model_predicts_what_was_tested(
    data: TabularData, held_out: HeldOut, model: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    context = {"final": True, "held_out": held_out, "model_folder": folder}
    (report,) = run(data, model, WHOLE, **context).reports
    predict = tabular.predictor(folder)
    probabilities = predict(held_out.x)
    assert probabilities.shape == (500, 2)
    measured = measure("binary", held_out.y.astype(float), probabilities[:, 1])
    assert measured["rmse"] == pytest.approx(report.value, rel=1e-6)
    shuffled = pandas.DataFrame(held_out.x, columns=data.columns)[[*reversed(data.columns)]]
    np.testing.assert_array_equal(predict(shuffled), probabilities)
    assert not [path for path in folder.iterdir() if path.suffix in (".pkl", ".pickle")]
    with pytest.raises(ValueError, match=r"rows of 14 columns expected, got shape \(500, 13\)"):
        predict(held_out.x[:, 1:])


def test_a_category_never_seen_is_served_as_a_missing_one(
    data: TabularData, held_out: HeldOut, model: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    run(data, model, SAMPLED, final=True, held_out=held_out, model_folder=folder)
    unseen, missing = held_out.x.copy(), held_out.x.copy()
    unseen[:, data.categorical], missing[:, data.categorical] = 1_000, np.nan
    predict = tabular.predictor(folder)
    np.testing.assert_array_equal(predict(unseen), predict(missing))


def test_a_regression_reports_mae_and_rmse(model: str) -> None:
    data = tabular.load(DataRequest("diabetes", 0)).payload
    last = run(data, model, {"n_estimators": 100}).reports[-1]
    spread = data.y[data.validation].std()
    assert last.metrics.keys() == {"rounds", "curve", "rmse", "mae"}
    assert last.metrics["mae"] < last.value < spread


def test_categories_have_no_order(data: TabularData, model: str) -> None:
    """Other codes for the same categories change nothing, unless they are taken for numbers."""
    rng = np.random.default_rng(0)
    code, other = rng.integers(0, 40, 3_000), rng.permutation(40)
    y = (rng.random(40)[code] + rng.random(3_000) > 1).astype(np.float32)
    found: dict[bool, list[float]] = {}
    for flag in (True, False):
        coded = replace(data, y=y, columns=("code",), categorical=np.array([flag]))
        found[flag] = [
            run(
                replace(coded, x=np.float32(codes[:, None]), fingerprint=f"{flag} {codes[0]}"),
                model,
                {"n_estimators": 30, "max_depth": 3},
            ).values[-1]
            for codes in (code, other[code])
        ]
    assert found[True][0] == pytest.approx(found[True][1], rel=1e-4)
    assert found[False][0] != pytest.approx(found[False][1], rel=1e-3)


def test_a_missing_category_is_one_of_its_own(data: TabularData, model: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (3_000, 1)).astype(np.float32)
    y = x[:, 0] == 2
    x[y] = np.nan
    told = replace(
        data,
        x=x,
        y=y.astype(np.float32),
        columns=("x",),
        categorical=np.array([True]),
        fingerprint="told category",
    )
    assert run(told, model, {"n_estimators": 100}).values[-1] < 0.01
    assert np.isnan(told.x).any()


def test_a_missing_value_can_be_what_tells(data: TabularData, model: str) -> None:
    x = np.random.default_rng(0).random((3_000, 1)).astype(np.float32)
    y = np.arange(3_000) % 3 == 0
    x[y] = np.nan
    told = replace(
        data,
        x=x,
        y=y.astype(np.float32),
        columns=("x",),
        categorical=np.array([False]),
        fingerprint="told",
    )
    assert run(told, model, {"n_estimators": 100}).values[-1] < 0.01


def test_read_only_arrays_as_ray_shares_them_are_enough(data: TabularData, model: str) -> None:
    shared = replace(data, fingerprint="read-only")
    for array in (shared.x, shared.y, shared.train, shared.validation):
        array.flags.writeable = False
    try:
        assert run(shared, model, SAMPLED).values == run(data, model, SAMPLED).values
    finally:
        for array in (shared.x, shared.y, shared.train, shared.validation):
            array.flags.writeable = True


def test_an_unknown_model_is_named_with_the_known_ones(data: TabularData) -> None:
    with pytest.raises(ValueError, match=r"unknown model 'catboost'\. Known: xgboost, lightgbm"):
        run(data, "catboost", {})


def test_on_real_data_the_defaults_reach_what_was_measured(shared_dir: Path, model: str) -> None:
    data = tabular.load(DataRequest("adult", 0, directory=shared_dir / "data")).payload
    last = run(data, model, {}).reports[-1]
    assert last.value == pytest.approx(0.2963, abs=1e-3)
    assert last.metrics["auc"] == pytest.approx(0.9283, abs=1e-3)
