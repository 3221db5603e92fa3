"""A job in bubblewrap: own user, process, network and mount namespaces, of which the job's folder alone is writable."""

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from shared.errors import StageError

PROGRAM = "bwrap"
MISSING = "bubblewrap is not installed, and jobs run in nothing else; `apt install bubblewrap`, or dnf's, brings it"
# Programs and libraries. On most systems all but /usr are links into it.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
# Names of users, the linker's cache, and Debian's choice between libraries.
CONFIGURED = (
    *("passwd", "group", "nsswitch.conf", "localtime"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives"),
)
NETWORK = ("hosts", "resolv.conf", "ssl", "ca-certificates", "pki", "host.conf")
GPUS = ("nvidia*", "dri", "kfd", "dxg")
NO_USER_NAMESPACES_FROM, SIZES_FROM = (0, 8), (0, 7)
SHARED_MEMORY_BYTES = 1024**3
SETTINGS = {
    "kernel/unprivileged_userns_clone": ("0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    "kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "give bwrap an AppArmor profile with `userns` (bwrap-userns-restrict of Ubuntu's package apparmor-profiles), "
        "or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    "user/max_user_namespaces": ("0", "sysctl -w user.max_user_namespaces=15000"),
}


def arguments(
    command: Sequence[str], job: Path, readable: Sequence[Path], network: bool, limits: Path | None = None
) -> list[str]:
    """Returns the arguments of bwrap for a command. Raises StageError where there is no bwrap."""
    return [
        *(program(), *namespaces(network), "--die-with-parent", "--cap-drop", "ALL"),
        *_system(network),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        *_devices(),
        *(("--ro-bind", str(limits), "/sys/fs/cgroup") if limits else ()),
        *_folders(job.absolute(), [path.absolute() for path in readable]),
        *_closed(),
        *("--", *command),
    ]


def program() -> str:
    """Returns where bwrap is. Raises StageError where it is not installed."""
    found = shutil.which(PROGRAM)
    if not found:
        raise StageError(MISSING)
    return found


def name() -> str:
    """Returns the program with its version."""
    return f"bubblewrap {'.'.join(map(str, _version()))}"


@functools.cache
def _version() -> tuple[int, ...]:
    said = subprocess.run([program(), "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(map(int, re.findall(r"\d+", said)))


def namespaces(network: bool) -> list[str]:
    """Returns what a job has of its own. Newer versions keep it from making user namespaces of its own, too."""
    own = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if not network:
        own.append("--unshare-net")
    if _version() >= NO_USER_NAMESPACES_FROM:
        own.append("--disable-userns")
    return own


def _system(network: bool) -> Iterator[str]:
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from _read(path)
    for entry in (*CONFIGURED, *(NETWORK if network else ())):
        if (path := Path("/etc", entry)).exists():
            yield from ("--ro-bind", str(path.resolve()), str(path))
    yield from (argument for path in (Path("/nix/store"),) if path.is_dir() for argument in _read(path))


def _devices() -> Iterator[str]:
    """Yields the GPUs, and where their libraries look for them; else the processors alone, which OpenMP asks for."""
    gpus = sorted(path for pattern in GPUS for path in Path("/dev").glob(pattern))
    yield from (argument for path in gpus for argument in ("--dev-bind", str(path), str(path)))
    shown = Path("/sys" if gpus else "/sys/devices/system")
    if shown.is_dir():
        yield from _read(shown)


def _folders(job: Path, readable: Sequence[Path]) -> Iterator[str]:
    """Yields the job's own folders, each behind what it lies in: what is mounted later covers what was before."""
    writable = {job: "--bind"}
    for path in sorted({job, *readable}, key=lambda path: (len(path.parts), path)):
        yield from (writable.get(path, "--ro-bind"), str(path), str(path))


def _closed() -> Iterator[str]:
    """Yields what makes the folders that only lead somewhere read-only: they lie in memory, which nobody would count.

    /dev/shm stays, as multiprocessing needs it; newer versions bound it.
    """
    yield from (argument for path in ("/tmp", "/dev", "/") for argument in ("--remount-ro", path))
    if _version() >= SIZES_FROM:
        yield from ("--size", str(SHARED_MEMORY_BYTES))
    yield from ("--tmpfs", "/dev/shm")


def _read(path: Path) -> tuple[str, str, str]:
    return "--ro-bind", str(path), str(path)


def remedy() -> str:
    """Returns what lets bwrap make its namespaces on this system, as far as the kernel's settings tell."""
    for setting, (forbids, cure) in SETTINGS.items():
        file = Path("/proc/sys", setting)
        if file.exists() and file.read_text().strip() == forbids:
            return f"{file} is {forbids}, so that users get no namespaces: {cure}"
    return "it needs user namespaces: in a container, allow them (seccomp, AppArmor), or run the runner beside it"
