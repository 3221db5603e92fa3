"""The runner's command line: `python -m runner serve --settings FILE`, as its service starts it."""

import argparse
import logging
import sys
from pathlib import Path

from runner.machine import sandbox
from runner.server.serving import serve
from runner.service import logs
from runner.service.settings import Settings
from shared.errors import StageError


def main() -> int:
    """Returns the exit code: 0, or 1 where the runner cannot start, which one line on stderr says."""
    parser = argparse.ArgumentParser(prog="python -m runner", description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--settings", type=Path, required=True, help="the file that `make runner-install` wrote")
    options = parser.parse_args()
    try:
        settings = Settings.read(options.settings)
        works = sandbox.check()
        logging.basicConfig(level=logging.INFO, handlers=[logs.handler(settings.folder)])
        logging.getLogger("runner").info("listens on %s:%d; %s", settings.host, settings.port, works)
        serve(settings)
    except StageError as error:
        print(f"runner: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
