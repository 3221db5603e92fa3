"""The user of a system's service: which commands make it. None is made here: programs in their place record them."""

import os
import pwd
import sys
from pathlib import Path

import pytest

from runner.service import account
from runner.service.places import Places
from runner.tests.programs import Programs
from runner.tests.programs import programs as programs
from shared.errors import StageError

HOME = Path("/srv/the runner")


def test_on_linux_it_is_a_user_of_the_system_who_reaches_the_gpus(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    programs.add("getent", "test $2 = render")
    programs.add("useradd")
    account.make("nobody-of-this-name", HOME)
    assert programs.asked[-1] == (
        "useradd --system --home-dir /srv/the runner --shell /usr/sbin/nologin --groups render nobody-of-this-name"
    )


def test_on_a_mac_it_has_a_free_number_and_is_hidden(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    taken = [pwd.struct_passwd(("_other", "x", number, 20, "", "/", "/bin/sh")) for number in (300, 301)]
    monkeypatch.setattr(pwd, "getpwall", lambda: taken)
    programs.add("dscl")
    account.make("_agenttraining", HOME)
    record = "dscl . -create /Users/_agenttraining"
    assert programs.asked[:3] == [record, f"{record} UniqueID 302", f"{record} PrimaryGroupID -2"]
    assert f"{record} IsHidden 1" in programs.asked and f"{record} UserShell /usr/bin/false" in programs.asked


def test_a_user_who_is_there_stays(programs: Programs) -> None:
    account.make(pwd.getpwuid(os.getuid()).pw_name, HOME)
    assert programs.asked == []


def test_a_python_that_the_user_cannot_run_is_named(tmp_path: Path) -> None:
    if os.getuid():
        pytest.skip("only root gives files to others")
    places = Places(tmp_path / "home")
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "python3").symlink_to(sys.executable)
    places.python.parent.mkdir(parents=True)
    places.python.symlink_to(hidden / "python3")
    with pytest.raises(StageError, match=r"the user nobody cannot run .*; take a Python that everybody can run"):
        account.own("nobody", places)
    assert places.home.stat().st_uid == pwd.getpwnam("nobody").pw_uid
