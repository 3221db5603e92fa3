"""The environment of a lock: of releases with their hashes, and of nothing else."""

from pathlib import Path

import pytest

from runner.work.environments import MADE, Environments
from shared.errors import StageError

ROOT = Path(__file__).parents[2]
LOCKS = sorted([*ROOT.glob("stages/*/requirements*.lock"), ROOT / "runner" / "requirements.lock"])


@pytest.mark.parametrize(
    "line",
    [
        "-r /etc/passwd",
        "--requirement=/etc/passwd",
        "-c /etc/passwd",
        "--index-url https://example.com/simple",
        "--extra-index-url https://example.com/simple",
        "--find-links /tmp",
        "-e .",
        ".",
        "/tmp/package.whl",
        "file:///etc/passwd",
        "https://example.com/package.whl",
        "package @ https://example.com/package.whl",
        "package",
        "package>=1",
        "package==1 --config-settings=x=y",
        "package==1 -r /etc/passwd",
        "package==1 ; python_version > '3' -r /etc/passwd \\",
        "    --hash=md5:0123",
        "# a comment\r-r /etc/passwd",
        "\u2028-r /etc/passwd",
        "\f-r /etc/passwd",
    ],
)
def test_a_lock_that_could_bring_or_read_anything_is_refused_before_it_is_read(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"# a lock\n{line}\n", newline="")
    with pytest.raises(
        StageError, match=r"^requirements.lock, line [23] of its code is .*; make the lock by `make lock`$"
    ):
        Environments(tmp_path / "environments").of(lock, ">=3.11", lambda _: None)
    assert list((tmp_path / "environments").iterdir()) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name + lock.stem)
def test_the_project_s_own_locks_are_taken(tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def make(self: Environments, home: Path, lock: Path, requires_python: str) -> None:
        home.mkdir()
        (home / MADE).touch()
        made.append(home)

    monkeypatch.setattr(Environments, "_make", make)
    environments = Environments(tmp_path)
    assert environments.of(lock, ">=3.11", lambda _: None) == environments.of(lock, ">=3.11", lambda _: None)
    assert len(made) == 1
