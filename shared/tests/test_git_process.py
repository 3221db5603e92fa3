"""Git ends within its bounds, with what it started, and what it prints is kept in part."""

import os
import shutil
import time
from pathlib import Path

import pytest

from shared.access import git_process
from shared.access.git_process import BoundedGit, GitFailedError, GitTimeoutError

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


@pytest.fixture
def git(tmp_path: Path) -> BoundedGit:
    return BoundedGit(tmp_path, {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull})


def shell(git: BoundedGit, script: str, **bounds: float) -> str:
    """Runs a shell script as a command of git's."""
    return git.run("-c", f"alias.script=!{script}", "script", **bounds)


def is_gone(process: int) -> bool:
    """Returns whether a process has ended, or ends within a moment."""
    for _ in range(50):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        if " Z " in Path(f"/proc/{process}/stat").read_text():
            return True
        time.sleep(0.02)
    return False


def test_what_it_prints_is_returned_and_what_it_says_is_the_error(git: BoundedGit) -> None:
    assert shell(git, "echo one; echo two") == "one\ntwo"
    with pytest.raises(GitFailedError) as failed:
        shell(git, "echo why >&2; false")
    assert failed.value.stderr.startswith("why\n")


def test_it_is_ended_with_all_that_it_started(git: BoundedGit, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(GitTimeoutError) as ended:
        shell(git, "echo began >&2; (trap '' TERM; sleep 60) & echo $! > child; wait", seconds=0.5)
    assert time.monotonic() - began < 10
    assert (ended.value.stderr, ended.value.seconds) == ("began\n", 0.5)
    assert is_gone(int((tmp_path / "child").read_text()))


def test_a_deadline_holds_for_all_commands_together(git: BoundedGit) -> None:
    bounded = git.within(1)
    shell(bounded, "sleep 0.6")
    with pytest.raises(GitTimeoutError):
        shell(bounded, "sleep 0.6")
    time.sleep(max(0, bounded.remaining()) + 0.01)
    with pytest.raises(GitTimeoutError):
        shell(bounded, "true")
    assert bounded.within(60).deadline == bounded.deadline


def test_of_megabytes_on_stderr_the_beginning_and_the_end_are_kept(git: BoundedGit) -> None:
    with pytest.raises(GitFailedError) as failed:
        shell(git, "(echo first; yes flood | head -c 50000000; echo last) >&2; false")
    said = failed.value.stderr
    assert said.startswith("first\nflood\n") and "\n...\n" in said
    assert "last" in said[-200:]
    assert len(said) <= 2 * git_process.KEPT_BYTES + 5


def test_more_on_stdout_than_can_be_kept_is_an_error(git: BoundedGit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_process, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(git_process, "KEPT_BYTES", 100)
    with pytest.raises(GitFailedError, match="it prints more than 1 MiB"):
        shell(git, "yes | head -c 3000000")


def test_a_file_is_its_input_and_its_output(git: BoundedGit, tmp_path: Path) -> None:
    git.run("init", "-q", "--bare", ".")
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open("rb") as given, (tmp_path / "printed").open("wb") as into:
        assert git.run("mktree", given=given, into=into) == ""
    assert (tmp_path / "printed").read_text() == "4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"


def test_secrets_are_blanked(tmp_path: Path) -> None:
    git = BoundedGit(tmp_path, {}, secrets=("geheim", ""))
    with pytest.raises(GitFailedError) as failed:
        shell(git, "echo 'the token geheim is wrong' >&2; false")
    assert failed.value.stderr.startswith("the token *** is wrong")
