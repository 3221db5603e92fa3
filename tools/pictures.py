"""Takes the README's picture of an evaluation's report, by Chromium without a window: `python -m tools.pictures`."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from shared.errors import StageError, one_line

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / ".runs" / "latest" / "evaluation" / "report.html"
PICTURE = ROOT / "docs" / "pictures" / "report.png"
WIDTH, HEIGHT = 1000, 810  # pixels: the head of the report, down to its bars
MOST_BYTES = 200_000
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def take(report: Path, picture: Path) -> None:
    """Writes what a window of WIDTH and HEIGHT shows of a page. Raises StageError, and writes nothing, where it cannot.

    picture: a PNG, at most MOST_BYTES large.
    """
    if not report.is_file():
        raise StageError(f"there is no report {report}; `make run` makes one")
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        taken = Path(folder) / "picture.png"
        _run(
            browser(),
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            f"--user-data-dir={folder}/profile",
            f"--window-size={WIDTH},{HEIGHT}",
            f"--screenshot={taken}",
            report.resolve().as_uri(),
        )
        size = taken.stat().st_size if taken.exists() else 0
        if not 0 < size <= MOST_BYTES:
            raise StageError(f"the picture has {size} bytes; it must have some, and at most {MOST_BYTES}")
        shutil.copyfile(taken, picture)


def browser() -> str:
    """Returns the path of a Chromium or Chrome. Raises StageError where there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if not found:
        raise StageError("there is no Chromium and no Chrome; install one (Debian and Ubuntu: chromium)")
    return found


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        raise StageError(f"{command[0]} took more than two minutes for a picture; run again") from None
    if done.returncode:
        raise StageError(f"{command[0]} failed: {one_line(done.stderr)[-300:]}")


def main(arguments: Sequence[str]) -> int:
    """Takes the picture and returns the exit code; a failure is one line on stderr."""
    parser = argparse.ArgumentParser(prog="pictures", description=__doc__)
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    try:
        take(options.report, options.picture)
    except StageError as error:
        print(f"pictures: {error}", file=sys.stderr)
        return 1
    print(f"wrote {options.picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
