"""The runner under Linux's systemd: as a unit of the user, or as the system's with a user of its own.

No systemd ran here: systemd-analyze verified the unit, and the command lines were recorded.
"""

import os
from pathlib import Path

from runner.service.asking import asked, told
from runner.service.certificate import write_secret
from runner.service.places import NAME, Places

RUNNING = Path("/run/systemd/system")
UNIT = f"{NAME}.service"
# Jobs make their own sandboxes by user namespaces, and see the GPUs. So nothing here forbids namespaces, hides devices,
# or mounts anything over /proc: in a namespace, a kernel mounts /proc anew only where it is seen whole.
_HARDENED = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
UMask=0077
"""
# A user's systemd cannot do these.
_HARDENED_SYSTEM = """\
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
"""


class Systemd:
    """systemd, asked by `systemctl`."""

    def __init__(self, is_system: bool) -> None:
        config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        self.file = (Path("/etc/systemd/system") if is_system else config / "systemd" / "user") / UNIT
        self._is_system = is_system
        self._systemctl = ["systemctl"] if is_system else ["systemctl", "--user"]

    def start(self, places: Places, user: str) -> None:
        """Writes the unit, lets it start with the machine, and starts it anew. Raises StageError where that fails."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_secret(self.file, unit(places, user if self._is_system else "").encode(), mode=0o644)
        told([*self._systemctl, "daemon-reload"])
        told([*self._systemctl, "enable", UNIT])
        told([*self._systemctl, "restart", UNIT])
        if not self._is_system:  # else it would end when its user logs out
            told(["loginctl", "enable-linger"], "without it the runner ends when you log out; ask root for it")

    def stop(self) -> None:
        """Ends the runner, and removes the unit."""
        asked([*self._systemctl, "disable", "--now", UNIT])
        self.file.unlink(missing_ok=True)
        asked([*self._systemctl, "daemon-reload"])

    def state(self) -> str:
        """Returns what systemd says of the runner: `running`, `failed`, `not loaded`."""
        said = asked([*self._systemctl, "show", "--property=LoadState,ActiveState,SubState", UNIT]).stdout
        known = dict(line.partition("=")[::2] for line in said.splitlines())
        if known.get("LoadState") != "loaded":
            return "not loaded"
        return known.get("SubState") or known.get("ActiveState", "unknown")


def unit(places: Places, user: str) -> str:
    """Returns the unit of systemd.service(5). user: of the system's unit; empty for a user's."""
    command = " ".join(_quoted(argument) for argument in places.command())
    own = f"User={user}\nReadWritePaths={_quoted(str(places.home))}\n{_HARDENED_SYSTEM}" if user else ""
    return f"""\
[Unit]
Description=Runs the trainings of a cluster on this machine's GPU
After=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart={command}
WorkingDirectory={_escaped(str(places.program))}
Environment=PYTHONUNBUFFERED=1
StandardOutput=append:{_escaped(str(places.output))}
StandardError=inherit
Restart=always
RestartSec=10
TimeoutStopSec=30
{_HARDENED}{own}
[Install]
WantedBy={"multi-user.target" if user else "default.target"}
"""


def _quoted(text: str) -> str:
    inner = _escaped(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{inner}"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
