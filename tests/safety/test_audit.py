"""A known weakness stops a change; a service that is away does not, and says so."""

import subprocess
from pathlib import Path

import pytest

from tests.sources import ROOT

AUDIT = ROOT / ".ci" / "audit"


@pytest.mark.parametrize(
    ("auditor", "code", "said"),
    [
        ("exit 0", 0, "no known weakness"),
        ("echo 'torch 2.0 CVE-2025-32434'; exit 1", 1, "CVE-2025-32434"),
        ("echo 'ConnectionError: api.osv.dev' >&2; exit 1", 0, "not audited: the service cannot"),
        ("echo 'ReadTimeout' >&2; exit 1", 0, "not audited: the service cannot"),
        ("echo 'invalid requirement' >&2; exit 1", 1, "invalid requirement"),
    ],
)
def test_what_the_auditor_says_decides(tmp_path: Path, auditor: str, code: int, said: str) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\n{auditor}\n")
    program.chmod(0o755)
    done = subprocess.run([AUDIT, program], capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_ci_audits_with_the_pinned_auditor() -> None:
    assert 'step .ci/audit "$work/venv-$version/bin/pip-audit"' in (ROOT / ".ci/run").read_text()
