"""No secret of the surroundings gets into anything that a study leaves or prints."""

from pathlib import Path

import pytest

from tests.tuner.tracking.servers import answering
from tuner.cli import main
from tuner.errors import UsageError
from tuner.home import redact, redacted, with_password
from tuner.journal import Journal
from tuner.tracking import Projector

PASSWORD = "hunter2-not-for-eyes"
TOKEN = "hf_0123456789abcdef"
YAML = f"""version: 1
task: {{dataset: none, model: none, trainable: "leaky:train"}}
metric: {{name: loss, mode: min}}
space: {{x: {{float: [0, 1]}}}}
budget: {{trials: 3}}
resources: {{cpu: 1, gpu: 0}}
tracking: {{uri: "http://me:{PASSWORD}@127.0.0.1:9"}}
"""
CODE = """import os
def train(config, context):
    if config["x"] == 0.5:
        raise OSError("401 for https://hub?api_key=abcdefgh, token " + os.environ["HF_TOKEN"])
    context.report(1, config["x"])
"""


def holding(folder: Path, *secrets: str) -> list[str]:
    """The files below a folder that hold one of the secrets."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(f) for f in files if any(secret.encode() in f.read_bytes() for secret in secrets)]


@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster")
def test_a_study_leaves_and_prints_no_secret(
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "leaky.yaml").write_text(YAML)
    (mine / "leaky.py").write_text(CODE.replace('os.environ["HF_TOKEN"]', repr(TOKEN)))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    out = tmp_path / "run"
    code = main(["run", str(mine / "leaky.yaml"), "--allow-code", "--out", str(out), "--json"])
    printed = "".join(capfd.readouterr())
    assert code == 0, printed
    journal = Journal.open(out)
    failures = [trial.reason for trial in journal.study.trials if "401" in trial.reason]
    assert "http://me:***@127.0.0.1:9" in printed + str(journal.header)
    journal.close()
    projector = Projector(out, f"sqlite:///{home / 'mlflow.db'}", "warmtune")
    projector.start()
    assert projector.finish(60), projector.problem
    secrets = (PASSWORD, TOKEN, "abcdefgh")
    assert not [secret for secret in secrets if secret in printed]
    assert not holding(out, *secrets)
    assert not holding(home, *secrets)
    assert failures
    assert all("***" in reason for reason in failures)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("failed with RAY_AUTH_TOKEN=abc123", "failed with RAY_AUTH_TOKEN=***"),
        ("AWS_SECRET_ACCESS_KEY='a/b+c'", "AWS_SECRET_ACCESS_KEY='a/b+c'"),
        ("GET https://h/x?api_key=abc&n=1", "GET https://h/x?api_key=***&n=1"),
        ("https://h/x?n=1&X-Token=abc#a", "https://h/x?n=1&X-Token=***#a"),
        ("space.tokenizer=bert max_tokens=512", "space.tokenizer=bert max_tokens=512"),
        ("num_key_value_heads: 8", "num_key_value_heads: 8"),
    ],
)
def test_what_is_named_like_a_secret_is_hidden_and_a_parameter_is_not(
    text: str, shown: str
) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize("name", ["HF_TOKEN", "WANDB_API_KEY", "MLFLOW_TRACKING_PASSWORD"])
def test_the_value_of_a_secret_variable_is_hidden_wherever_it_stands(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "s3cret-value")
    assert redact("told us s3cret-value.") == "told us ***."
    assert redacted({"a": ["s3cret-value", 1, None]}) == {"a": ["***", 1, None]}


@pytest.mark.parametrize(
    ("name", "value"), [("RAY_AUTH_TOKEN_PATH", "/home/me/token"), ("SOME_KEY", "short")]
)
def test_a_path_and_a_common_word_are_not_hidden(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert redact(f"see {value}") == f"see {value}"


def test_a_resumed_study_takes_the_password_from_the_environment_or_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = redact(f"http://me:{PASSWORD}@host")
    for elsewhere in ("", "http://you:x@host"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", elsewhere)
        with pytest.raises(UsageError, match=r"http://me:\*\*\*@host: .* Set MLFLOW_TRACKING_URI"):
            with_password(kept)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{PASSWORD}@host")
    assert with_password(kept) == f"http://me:{PASSWORD}@host"


def test_the_password_is_sent_to_the_server_itself_only(tmp_path: Path) -> None:
    from tests.tuner.tracking.journals import write_journal

    write_journal(tmp_path, [])
    with answering(200, b"{}") as other, answering(302, location=other) as uri:
        projector = Projector(tmp_path, uri.replace("//", f"//me:{PASSWORD}@"), "warmtune")
        projector.start()
        assert not projector.finish(20)
    assert projector.problem is not None
    assert "302" in projector.problem
    assert PASSWORD not in projector.problem
