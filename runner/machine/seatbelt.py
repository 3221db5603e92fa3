"""A job under macOS's Seatbelt: a profile that denies all but reading, the job's own folder and Metal.

Not run on a Mac yet. That MLX computes on Metal under such a profile is known from others, who let its process open
these two user clients; that WebKit and Chromium let their GPU processes do the same is in their sources.
"""

from collections.abc import Sequence
from pathlib import Path

NAME = "sandbox-exec (Seatbelt)"
PROGRAM = "/usr/bin/sandbox-exec"
REMEDY = (
    "macOS says more in `log show --last 1m --predicate 'sender == \"Sandbox\"'`; a sandbox starts in no other sandbox"
)

_HEAD = """\
(version 1)
(deny default)
(import "system.sb")
(allow process-exec* process-fork)
(allow process-info* (target same-sandbox))
(allow signal (target same-sandbox))
(allow sysctl-read)
(allow file-read-metadata)
(allow file-read*
  (literal "/")
  (subpath "/System") (subpath "/usr") (subpath "/bin") (subpath "/sbin") (subpath "/Library/Apple")
  (subpath "/Library/Developer/CommandLineTools") (subpath "/Library/Frameworks")
  (subpath "/opt/homebrew/Cellar") (subpath "/opt/homebrew/opt")
  (subpath "/opt/homebrew/lib") (subpath "/opt/local/lib")
  (subpath "/private/var/db/dyld") (subpath "/private/var/db/timezone") (literal "/private/etc/localtime")
  (literal "/dev/null") (literal "/dev/zero") (literal "/dev/random") (literal "/dev/urandom"))
(allow file-write-data file-ioctl (literal "/dev/null") (literal "/dev/zero") (literal "/dev/dtracehelper"))
; multiprocessing's semaphores and shared memory, and OpenMP's
(allow ipc-posix-sem)
(allow ipc-posix-shm (ipc-posix-name-regex #"^/(psm_|__KMP_REGISTERED_LIB)"))
; names of users, temporary folders, log, and the compiler of Metal's kernels
(allow mach-lookup
  (global-name "com.apple.system.opendirectoryd.libinfo") (global-name "com.apple.bsd.dirhelper")
  (global-name "com.apple.system.notification_center") (global-name "com.apple.logd")
  (global-name "com.apple.MTLCompilerService") (xpc-service-name "com.apple.MTLCompilerService"))
; Metal: the GPU's user client, and the memory that it shares
(allow iokit-get-properties)
(allow iokit-open
  (iokit-registry-entry-class "AGXDeviceUserClient") (iokit-registry-entry-class "IOSurfaceRootUserClient")
  (iokit-user-client-class "AGXDeviceUserClient") (iokit-user-client-class "IOSurfaceRootUserClient"))
"""
_NETWORK = """\
(system-network)
(allow network-outbound)
(allow mach-lookup (global-name "com.apple.SystemConfiguration.configd") (global-name "com.apple.trustd.agent"))
"""


def arguments(command: Sequence[str], job: Path, readable: Sequence[Path], network: bool) -> list[str]:
    """Returns the arguments of sandbox-exec for a command.

    The profile is an argument, not a file in the job's folder, which an earlier attempt could have made a link; and
    paths are parameters, so that none can end a string in it. Seatbelt knows files by their real paths.
    """
    parameters = {"JOB": job.resolve()} | {f"READ{at}": path.resolve() for at, path in enumerate(readable)}
    defined = [argument for name, path in parameters.items() for argument in ("-D", f"{name}={path}")]
    return [PROGRAM, *defined, "-p", profile(job, readable, network), *command]


def profile(job: Path, readable: Sequence[Path], network: bool) -> str:
    """Returns the profile, in Seatbelt's language. The last rule that fits decides."""
    inside = [at for at, path in enumerate(readable) if path.resolve().is_relative_to(job.resolve())]
    rules = [f'(allow file-read* (subpath (param "READ{at}")))' for at in range(len(readable))]
    rules.append('(allow file-read* file-write* (subpath (param "JOB")))')
    rules += [f'(deny file-write* (subpath (param "READ{at}")))' for at in inside if readable[at] != job]
    return _HEAD + "\n".join(rules) + "\n" + (_NETWORK if network else "")
