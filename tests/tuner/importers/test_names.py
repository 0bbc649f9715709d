import pytest

from tuner.errors import UsageError
from tuner.importers.names import match, match_metric


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("learning_rate", "learning_rate"),
        ("learning_rate", "Learning-Rate"),
        ("learning_rate", "config/learning_rate"),
        ("learning_rate", "params.learning_rate"),
        ("learning_rate", "params_learningRate"),
        ("learning_rate", "lr"),
        ("learning_rate", "params_lr"),
        ("learning_rate", "eta"),
        ("lr", "learning_rate"),
        ("learning_rate", "optimizer/lr"),
        ("learning_rate", "config.optimizer.lr"),
        ("max_depth", "classifier__max_depth"),
        ("n_estimators", "num_boost_round"),
        ("subsample", "bagging_fraction"),
        ("batch_size", "per_device_train_batch_size"),
        ("params_x", "params_x"),
        ("größe", "Größe"),
    ],
)
def test_a_name_is_found_in_other_clothes(ours: str, theirs: str) -> None:
    assert match([ours], ["other", theirs]) == {ours: theirs}


@pytest.mark.parametrize(
    "theirs", ["rate", "learning_rate_decay", "lr2", "", "_", "relearning_rate"]
)
def test_a_name_that_means_something_else_is_left_alone(theirs: str) -> None:
    assert match(["learning_rate"], [theirs]) == {}


def test_the_nearer_name_counts_and_each_is_used_once() -> None:
    theirs = ["lr", "learning_rate", "head/depth", "depth"]
    assert match(["learning_rate", "max_depth"], theirs) == {
        "learning_rate": "learning_rate",
        "max_depth": "depth",
    }
    assert match(["depth", "max_depth"], ["max_depth"]) == {"max_depth": "max_depth"}


def test_names_that_mean_the_same_equally_well_are_asked_about_all_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        match(["learning_rate", "max_depth"], ["lr", "eta", "a/depth", "b/depth"])
    assert caught.value.faults == (
        "lr and eta may be learning_rate. Say --map learning_rate=lr.",
        "a/depth and b/depth may be max_depth. Say --map max_depth=a/depth.",
    )


@pytest.mark.parametrize(
    "theirs",
    [
        "rmse",
        "RMSE",
        "metrics.rmse",
        "val_rmse",
        "validation/rmse",
        "eval-rmse",
        "summary/val/rmse",
    ],
)
def test_a_metric_is_found_also_as_that_on_the_validation_data(theirs: str) -> None:
    assert match_metric("rmse", ["loss", theirs, "train_rmse", "test_rmse"]) == theirs


def test_no_metric_is_guessed() -> None:
    assert match_metric("rmse", ["mse", "train_rmse", "test/rmse2"]) is None


def test_two_metrics_that_may_be_ours_are_asked_about() -> None:
    with pytest.raises(
        UsageError, match=r"val_rmse and valid_rmse may be rmse. Say --metric val_rmse"
    ):
        match_metric("rmse", ["val_rmse", "valid_rmse"])
