import pytest

from trainables import standalone, tabular


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["tabular", *arguments])
    try:
        standalone.main(tabular.train, tabular.load, tuple(tabular.LIBRARIES))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_configuration_is_trained_and_each_step_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--dataset", "diabetes", "--set", "n_estimators=120", "--set", "max_depth=3"]
    assert run(monkeypatch, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == [str(step) for step in range(1, 11)]
    assert "rounds=120" in lines[-1]
    assert "'n_estimators': 100" in lines[-1]


def test_the_final_fit_reports_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--dataset", "breast-cancer", "--final", "--model", "lightgbm") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("step 10")
    assert "accuracy=0.9" in line


def test_data_that_cannot_be_had_or_used_end_with_their_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNER_UCI_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("TUNER_DATA", raising=False)
    assert run(monkeypatch, "--dataset", "adult") == 3
    assert capsys.readouterr().err.startswith("error: cannot fetch adult")
    assert run(monkeypatch, "--dataset", "iris") == 2
    assert run(monkeypatch, "--dataset", "diabetes", "--set", "max_depth") == 2
    assert "KEY=VALUE expected" in capsys.readouterr().err


def test_settings_are_numbers_where_they_read_as_such() -> None:
    assert standalone._setting("eta=1e-2") == ("eta", 0.01)
    assert standalone._setting("grow_policy=lossguide") == ("grow_policy", "lossguide")
