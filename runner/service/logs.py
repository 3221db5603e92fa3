"""`make runner-logs`, and the log itself: the runner turns its pages, as the rotation of the system needs root."""

import logging.handlers
import os
from pathlib import Path

from runner.service import options
from runner.service.settings import Settings
from shared.errors import StageError

NAME, OUTPUT = "runner.log", "output.log"
BYTES, KEPT = 10 * 1024**2, 5
LINES = "100"


def handler(folder: Path) -> logging.Handler:
    """Returns what writes the runner's log into the folder of Settings: 10 MiB a file, and five older ones.

    What is printed beside it, which launchd and systemd append to output.log, is kept short too: a long one gets
    another name, and the next start of the runner begins a new one.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    output = logs / OUTPUT
    if output.exists() and output.stat().st_size > BYTES:
        output.replace(logs / f"{OUTPUT}.1")
    made = logging.handlers.RotatingFileHandler(logs / NAME, maxBytes=BYTES, backupCount=KEPT, encoding="utf-8")
    made.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return made


def main(arguments: list[str] | None = None) -> int:
    """Becomes `tail` of the runner's log and of what it printed."""
    parser = options.parser(str(__doc__))
    parser.add_argument("--follow", action="store_true", help="go on with what comes")
    given = parser.parse_args(arguments)
    logs = Settings.read(options.places(given).settings).folder / "logs"
    files = [str(logs / name) for name in (OUTPUT, NAME) if (logs / name).exists()]
    if not files:
        raise StageError(f"there is no log in {logs} yet; `make runner-status` says whether the runner runs")
    os.execvp("tail", ["tail", "-n", LINES, *(["-F"] if given.follow else []), *files])


if __name__ == "__main__":
    options.end(main)
