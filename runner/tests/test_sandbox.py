"""What a job in its sandbox can do, and what it cannot: tried for real on Linux, read in the profile for macOS."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from runner.machine import bubblewrap, processes, sandbox, seatbelt
from runner.machine.awake import awake
from runner.machine.memory import as_of_a_container
from runner.tests.programs import Programs
from runner.tests.programs import programs as programs
from shared.errors import StageError

PYTHON = Path(sys.executable)
ENVIRONMENT = Path(sys.prefix)


def _works() -> str:
    try:
        return sandbox.check()
    except StageError as error:
        if os.environ.get("CI") and sys.platform == "linux":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def works() -> str:
    """What the check says where there is a sandbox; in CI there has to be one."""
    return _works()


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    folder.mkdir()
    return folder


def run(job: Path, code: str, *readable: Path, network: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs Python code in the sandbox of a job."""
    command = sandbox.sandboxed([str(PYTHON), "-c", code], job, [ENVIRONMENT, *readable], network)
    return subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=job, check=False)


def test_the_check_names_the_sandbox_that_works(works: str) -> None:
    assert re.fullmatch(r"(bubblewrap [\d.]+|sandbox-exec \(Seatbelt\)) works", works)


def test_a_job_writes_into_its_folder_and_its_exit_code_is_the_program_s(works: str, job: Path) -> None:
    done = run(job, "open('here', 'w').write('mine'); raise SystemExit(7)")
    assert (done.returncode, done.stderr) == (7, "")
    assert (job / "here").read_text() == "mine"


def test_a_job_writes_nowhere_else(works: str, job: Path, tmp_path: Path) -> None:
    places = [tmp_path / "beside", Path.home() / "x", Path("/tmp/x"), Path("/x"), Path("/usr/x"), ENVIRONMENT / "x"]
    code = f"""
for place in {[str(place) for place in places]!r}:
    try:
        open(place, "w")
        print("written", place)
    except OSError:
        pass
"""
    done = run(job, code)
    assert (done.returncode, done.stdout) == (0, "")
    assert [place for place in places if place.exists()] == []


def test_a_job_does_not_see_what_nobody_gave_it(works: str, job: Path, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("secret")
    assert "No such file" in run(job, f"open({str(secret)!r})").stderr
    assert run(job, f"print(open({str(secret)!r}).read())", secret).stdout == "secret\n"


def test_inputs_in_the_job_s_folder_stay_as_they_are(works: str, job: Path) -> None:
    inputs = job / "inputs"
    inputs.mkdir()
    (inputs / "rows").write_text("1")
    done = run(job, "print(open('inputs/rows').read()); open('inputs/rows', 'w')", inputs)
    assert done.stdout == "1\n" and "Read-only file system" in done.stderr
    assert (inputs / "rows").read_text() == "1"


def test_a_job_has_no_network_unless_it_needs_one(works: str, job: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 3)"
        assert "Error" in run(job, code).stderr
        assert run(job, code, network=True).returncode == 0


def test_a_job_sees_its_own_processes_alone(works: str, job: Path) -> None:
    seen = run(job, "import os; print(sum(name.isdigit() for name in os.listdir('/proc')))")
    assert seen.stdout.strip() == "2"


def test_multiprocessing_works_in_it(works: str, job: Path) -> None:
    code = "import multiprocessing as m; p = m.get_context('fork').Pool(2); print(p.map(abs, [-1, -2])); p.terminate()"
    assert run(job, code).stdout == "[1, 2]\n"


def test_shared_memory_is_bounded(works: str, job: Path) -> None:
    if bubblewrap._version() < bubblewrap.SIZES_FROM:
        pytest.skip("this bubblewrap cannot bound it")
    code = "import os; s = os.statvfs('/dev/shm'); print(s.f_blocks * s.f_frsize)"
    assert int(run(job, code).stdout) == bubblewrap.SHARED_MEMORY_BYTES


def test_a_job_can_ask_for_its_limit_as_in_a_container(works: str, job: Path, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("a Mac has no cgroups")
    limits = as_of_a_container(tmp_path / "limits", 5 << 30)
    files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.stat"]
    command = sandbox.sandboxed(["/bin/cat", *files], job, [], network=False, limits=limits)
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"5368709120\nanon 0\n"


def test_the_python_that_an_environment_leads_to_is_readable(tmp_path: Path) -> None:
    base, linked, environment = tmp_path / "python/3.11", tmp_path / "opt", tmp_path / "environment"
    for folder in (base / "bin", linked / "bin", environment / "bin"):
        folder.mkdir(parents=True)
    (base / "bin/python3.11").touch()
    (linked / "bin/python3").symlink_to(base / "bin/python3.11")
    (environment / "bin/python").symlink_to("../../opt/bin/python3")
    found = sandbox.interpreters(environment / "bin/python", [environment])
    assert found == [linked, base]
    assert sandbox.interpreters(environment / "bin/python", [environment, tmp_path]) == []


def test_a_python_in_a_home_does_not_open_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").touch()
    (tmp_path / "python").symlink_to("bin/python3")
    assert sandbox.interpreters(tmp_path / "python", []) == [tmp_path / "bin"]


SLEEPER = """
import signal, sys, time
def end(*_):
    open("asked", "w").close()
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
open("ready", "w").close()
time.sleep(30)
"""


def _started(job: Path) -> subprocess.Popen[bytes]:
    command = sandbox.sandboxed([str(PYTHON), "-c", SLEEPER], job, [ENVIRONMENT], network=False)
    process = subprocess.Popen(command, cwd=job, start_new_session=True)
    until = time.monotonic() + 10
    while not (job / "ready").exists():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    return process


def test_a_job_that_is_stopped_can_say_so(works: str, job: Path) -> None:
    process = _started(job)
    processes.stop(process.pid)
    assert process.wait(10) == 143
    assert (job / "asked").exists()


def test_a_job_that_is_killed_leaves_no_process(works: str, job: Path) -> None:
    process = _started(job)
    below = processes.tree(process.pid)
    assert len(below) >= 2
    processes.kill(process.pid)
    assert process.wait(10) in (-signal.SIGKILL, 128 + signal.SIGKILL)  # its own end, or that of what it waits for
    assert psutil.wait_procs(below, timeout=5)[1] == []


def test_without_bubblewrap_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(StageError, match=r"bubblewrap is not installed.*apt install bubblewrap"):
        sandbox.check()


def test_where_namespaces_are_forbidden_it_says_so(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.add("bwrap", 'echo "bwrap: No permissions to create new namespace" >&2; exit 1')
    bubblewrap._version.cache_clear()
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(StageError) as refused:
        sandbox.check()
    bubblewrap._version.cache_clear()
    said = "the sandbox for jobs does not work: bwrap: No permissions to create new namespace; "
    assert str(refused.value).startswith(said)
    assert "namespaces" in str(refused.value)[len(said) :]


def test_another_system_has_none(monkeypatch: pytest.MonkeyPatch, job: Path) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(StageError, match="there is no sandbox for jobs on win32; run the runner on macOS or Linux"):
        sandbox.sandboxed(["true"], job, [], network=False)


def rules(profile: str) -> str:
    """Returns a profile that is balanced, without its comments."""
    text = re.sub(r"^;.*$", "", profile, flags=re.M)
    plain = re.sub(r'"[^"]*"', "", text)
    assert plain.count("(") == plain.count(")")
    return text


def test_a_mac_s_profile_denies_what_it_does_not_allow(job: Path, tmp_path: Path) -> None:
    text = rules(seatbelt.profile(job, [tmp_path / "code"], network=False))
    assert text.startswith("(version 1)\n(deny default)\n")
    assert "network" not in text and "allow default" not in text
    written = re.findall(r"\(allow [^\n]*file-write\*[^\n]*", text)
    assert written == ['(allow file-read* file-write* (subpath (param "JOB")))']
    assert 'iokit-registry-entry-class "AGXDeviceUserClient"' in text
    assert 'xpc-service-name "com.apple.MTLCompilerService"' in text


def test_a_mac_s_profile_opens_the_network_where_it_is_needed(job: Path) -> None:
    assert "(allow network-outbound)" in rules(seatbelt.profile(job, [], network=True))


def test_a_mac_s_sandbox_takes_paths_as_parameters(job: Path) -> None:
    strange = job.parent / 'a") (allow default'
    inside = job / "inputs"
    found = seatbelt.arguments(["python", "-c", "1"], job, [strange, inside], network=False)
    assert found[:7] == [
        "/usr/bin/sandbox-exec",
        *("-D", f"JOB={job.resolve()}", "-D", f"READ0={strange.resolve()}", "-D", f"READ1={inside.resolve()}"),
    ]
    assert found[7] == "-p" and found[9:] == ["python", "-c", "1"]
    assert "allow default" not in found[8]
    assert found[8].rstrip().endswith('(deny file-write* (subpath (param "READ1")))')


def test_a_mac_stays_awake_as_long_as_the_job_s_process_lives(programs: Programs) -> None:
    caffeinate = programs.add("caffeinate")
    command = awake(["/bin/sh", "-c", 'sleep 0.3; echo "$$ $1"; exit 5', "x", "a b"], "darwin", str(caffeinate))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    pid = done.stdout.split()[0]
    assert (done.returncode, done.stdout) == (5, f"{pid} a b\n")
    assert programs.asked == [f"caffeinate -i -w {pid}"]


def test_a_linux_machine_is_left_alone() -> None:
    assert awake(["python", "-m", "x"], "linux") == ["python", "-m", "x"]


def test_bwrap_s_own_folders_come_in_order(job: Path, tmp_path: Path) -> None:
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    found = bubblewrap.arguments(["true"], job, [job / "inputs", tmp_path], network=False)
    at = [found.index(str(path)) for path in (tmp_path, job, job / "inputs")]
    assert at == sorted(at)
    assert [found[index - 1] for index in at] == ["--ro-bind", "--bind", "--ro-bind"]
