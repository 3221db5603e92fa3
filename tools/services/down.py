"""`make services-down`: ends what `make services-up` started, and nothing else. The data stay."""

import sys

from tools.services import places, processes


def main() -> int:
    """Stops what runs, and returns the exit code."""
    known = processes.running()
    if not known:
        print("no service runs that was started here")
    for name, running in known.items():
        print(f"stopping {name}, process {running.pid}", flush=True)
        processes.stop(running)
    if places.FOLDER.exists():
        processes.remember(processes.running())
    return 0


if __name__ == "__main__":
    sys.exit(main())
