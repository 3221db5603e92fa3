"""No sleep while a job runs, and only then: macOS's caffeinate beside the job's process."""

import sys
from collections.abc import Sequence

CAFFEINATE = "/usr/bin/caffeinate"


def awake(command: Sequence[str], platform: str = sys.platform, caffeinate: str = CAFFEINATE) -> list[str]:
    """Returns the arguments that start a command on a machine that does not fall asleep before it has ended.

    The command keeps its process, so that signals and exit code are its own, and caffeinate ends with that process
    (`-w`), even where nobody else is left to end it. Where it is no Mac, it is a server, and does not sleep.
    """
    if platform != "darwin":
        return list(command)
    script = '"$0" -i -w $$ </dev/null >/dev/null 2>&1 & exec "$@"'
    return ["/bin/sh", "-c", script, caffeinate, *command]
