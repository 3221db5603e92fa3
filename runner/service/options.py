"""What every program of the service is told on its command line, and how it ends with a reason."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from runner.service.places import Places
from shared.errors import StageError


def parser(description: str) -> argparse.ArgumentParser:
    """Returns a parser that knows which runner is meant."""
    made = argparse.ArgumentParser(description=description, allow_abbrev=False)
    made.add_argument("--system", action="store_true", help="the service of the system, not of this user; as root")
    made.add_argument("--folder", default="", help="where the runner has its files")
    return made


def places(given: argparse.Namespace) -> Places:
    """Returns where the runner that is meant has its files."""
    return Places.of(given.folder, given.system)


def end(program: Callable[[], int]) -> NoReturn:
    """Exits with what a program returns; with 1 and one line where something has to be mended."""
    try:
        sys.exit(program())
    except StageError as error:
        sys.exit(f"runner: {error}")
    except PermissionError as error:
        sys.exit(
            f"runner: {error.filename}: {error.strerror}; SYSTEM=1 needs root, without it the folder is to be yours"
        )
