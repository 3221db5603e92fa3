"""What launchd and systemd are given and asked. Neither runs here: programs in their place record it."""

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.service import launchd, supervisor, systemd
from runner.service.places import Places
from runner.tests.programs import Programs
from runner.tests.programs import programs as programs
from shared.errors import StageError

USER = "agent-training"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return Places(tmp_path / "home/Library/Application Support/agent-training-runner")


def test_launchd_s_property_list_says_what_is_kept_running(places: Places, programs: Programs) -> None:
    programs.add("launchctl", "case $1 in print) exit 113;; esac; exit 0")
    service = launchd.Launchd(is_system=False)
    service.start(places, USER)
    told = plistlib.loads(service.file.read_bytes())
    assert told["ProgramArguments"] == [
        f"{places.home}/program/environment/bin/python",
        *("-m", "runner", "serve", "--settings", f"{places.home}/runner.toml"),
    ]
    assert (told["Label"], told["WorkingDirectory"]) == ("agent-training.runner", f"{places.home}/program")
    assert (told["KeepAlive"], told["RunAtLoad"], told["ThrottleInterval"]) == (True, True, 10)
    assert told["StandardOutPath"] == told["StandardErrorPath"] == f"{places.home}/data/logs/output.log"
    assert told["Umask"] == 0o077 and "UserName" not in told
    domain = f"gui/{os.getuid()}"
    assert programs.asked == [
        f"launchctl bootout {domain}/agent-training.runner",
        f"launchctl print {domain}/agent-training.runner",
        f"launchctl enable {domain}/agent-training.runner",
        f"launchctl bootstrap {domain} {places.home.parents[2]}/Library/LaunchAgents/agent-training.runner.plist",
    ]


def test_a_daemon_has_a_user_of_its_own(places: Places) -> None:
    assert launchd.property_list(places, USER)["UserName"] == USER
    service = launchd.Launchd(is_system=True)
    assert str(service.file) == "/Library/LaunchDaemons/agent-training.runner.plist"


def test_without_a_session_launchd_s_refusal_says_what_to_do(places: Places, programs: Programs) -> None:
    refusal = "Bootstrap failed: 125: Domain does not support specified action"
    programs.add("launchctl", f'case $1 in print) exit 113;; bootstrap) echo "{refusal}" >&2; exit 125;; esac')
    with pytest.raises(StageError) as error:
        launchd.Launchd(is_system=False).start(places, USER)
    assert str(error.value).endswith(f"failed: {refusal}; {launchd._NO_SESSION}")


def test_launchd_s_state_is_read(places: Places, programs: Programs) -> None:
    programs.add(
        "launchctl",
        r"printf 'gui/501/agent-training.runner = {\n\tactive count = 1\n\tstate = running\n\tpid = 7\n}\n'",
    )
    assert launchd.Launchd(is_system=False).state() == "running"
    programs.add("launchctl", "exit 113")
    assert launchd.Launchd(is_system=False).state() == "not loaded"


def test_launchd_forgets_the_runner_and_its_file(places: Places, programs: Programs) -> None:
    programs.add("launchctl", "case $1 in print) exit 113;; esac")
    service = launchd.Launchd(is_system=False)
    service.start(places, USER)
    service.stop()
    assert not service.file.exists()
    service.stop()  # again, where there is nothing


def test_systemd_is_asked_to_start_the_unit_with_the_machine(places: Places, programs: Programs) -> None:
    programs.add("systemctl")
    programs.add("loginctl")
    service = systemd.Systemd(is_system=False)
    service.start(places, USER)
    assert service.file == Path(os.environ["HOME"], ".config/systemd/user/agent-training-runner.service")
    assert programs.asked == [
        "systemctl --user daemon-reload",
        "systemctl --user enable agent-training-runner.service",
        "systemctl --user restart agent-training-runner.service",
        "loginctl enable-linger",
    ]
    service.stop()
    assert not service.file.exists()


def lines(unit: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in unit.splitlines() if "=" in line)


def test_a_unit_quotes_its_paths(places: Places) -> None:
    told = lines(systemd.unit(Places(Path('/srv/a b/100%/$x"')), ""))
    assert told["ExecStart"].startswith('"/srv/a b/100%%/$$x\\"/program/environment/bin/python" "-m" "runner" "serve"')
    assert told["WorkingDirectory"] == '/srv/a b/100%%/$x"/program'
    assert told["StandardOutput"] == 'append:/srv/a b/100%%/$x"/data/logs/output.log'
    assert (told["Restart"], told["WantedBy"]) == ("always", "default.target") and "User" not in told


def test_the_system_s_unit_has_a_user_and_is_shut_in(places: Places) -> None:
    told = lines(systemd.unit(places, USER))
    assert (told["User"], told["ProtectSystem"], told["WantedBy"]) == (USER, "strict", "multi-user.target")
    assert told["ReadWritePaths"] == f'"{places.home}"'


@pytest.mark.parametrize("user", ["", USER])
def test_a_unit_leaves_jobs_their_sandbox_and_the_gpu(places: Places, user: str) -> None:
    """Each of these keeps bubblewrap from making namespaces, from mounting /proc in one, or GPUs from being seen."""
    forbidden = {
        *("RestrictNamespaces", "ProtectProc", "ProcSubset", "ProtectKernelTunables", "ProtectKernelLogs"),
        *("PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock", "SystemCallFilter", "PrivateUsers"),
        "MemoryDenyWriteExecute",
    }
    assert forbidden & lines(systemd.unit(places, user)).keys() == set()


@pytest.mark.parametrize("user", ["", "daemon"])
def test_systemd_itself_finds_no_fault_in_the_unit(tmp_path: Path, user: str) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    places = Places(tmp_path / "a b")
    places.python.parent.mkdir(parents=True)
    places.python.symlink_to(sys.executable)
    file = tmp_path / "agent-training-runner.service"
    file.write_text(systemd.unit(places, user))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "agent-training-runner" in line]
    assert (done.returncode, said) == (0, [])


def test_systemd_s_state_is_read(programs: Programs) -> None:
    programs.add("systemctl", r"printf 'LoadState=loaded\nActiveState=active\nSubState=running\n'")
    assert systemd.Systemd(is_system=True).state() == "running"
    programs.add("systemctl", r"printf 'LoadState=not-found\nActiveState=inactive\nSubState=dead\n'")
    assert systemd.Systemd(is_system=True).state() == "not loaded"


def test_a_failure_of_systemctl_is_told_in_its_words(places: Places, programs: Programs) -> None:
    programs.add("systemctl", 'echo "Failed to connect to bus: No medium found" >&2; exit 1')
    with pytest.raises(StageError) as error:
        systemd.Systemd(is_system=False).start(places, USER)
    assert str(error.value) == "`systemctl --user daemon-reload` failed: Failed to connect to bus: No medium found"


def test_a_system_with_neither_starts_it_by_hand(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(systemd, "RUNNING", Path("/nowhere"))
    assert supervisor.find(is_system=False) is None
    assert supervisor.by_hand(places) == (
        f"cd '{places.home}/program' && '{places.home}/program/environment/bin/python' -m runner serve "
        f"--settings '{places.home}/runner.toml'"
    )
