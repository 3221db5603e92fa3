"""Makes a new stage from the templates beside this module: `python -m tools.new_stage export`.

The stage works as it stands: it has tests, an image, and a line wherever stages are named. What it does is then changed
by hand, its contract first.
"""

import keyword
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.contract import STAGES
from shared.errors import StageError, one_line
from workflows.placement import read_image

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).parent
FILES = ("contract.py", "main.py", "pyproject.toml", "README.md", "CHANGELOG.md")
PATTERN = "watch"  # the stage whose Dockerfile has no part of its own
LISTED = "shared/contract.py"
IMAGES, PLACEMENT = "workflows/images.toml", "workflows/placement.toml"
_STAGES_LINE = re.compile(r"^STAGES = \(\*PIPELINE(?P<others>.*)\)$", re.MULTILINE)
_PROFILES = re.compile(r"^# A profile says", re.MULTILINE)
_COMPILE = "pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header"
_WITHOUT_ADDRESSES = ("--no-emit-index-url", "--no-emit-find-links")


def make(stage: str) -> Path:
    """Makes stages/<stage>, names it where stages are listed, and returns its folder.

    Raises StageError, and changes nothing, where the name is taken or none, and where its libraries cannot be locked.
    """
    check_name(stage)
    lists = {path: listed(path, stage) for path in (LISTED, IMAGES, PLACEMENT)}
    folder = ROOT / "stages" / stage
    with tempfile.TemporaryDirectory(prefix="new-stage-") as temporary:
        made = Path(temporary) / stage
        write(made, stage)
        lock(made)
        put(made, folder, lists)
    return folder


def put(made: Path, folder: Path, lists: Mapping[str, str]) -> None:
    """Puts the stage into its folder and writes the lists; where a disk or a stop does not let it, takes all back."""
    before = {path: (ROOT / path).read_text("utf-8") for path in lists}
    try:
        shutil.copytree(made, folder)
        for path, text in lists.items():
            (ROOT / path).write_text(text, "utf-8")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in before.items():
            (ROOT / path).write_text(text, "utf-8")
        raise


def check_name(stage: str) -> None:
    """Raises StageError for a name that a module, an image and a Flyte task cannot share, or that is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9]{1,29}", stage) or keyword.iskeyword(stage):
        rule = "2 to 30 characters of a-z and 0-9, a letter first, and no word of Python's"
        raise StageError(f"NAME is {stage!r}; a stage's name is {rule}, such as export")
    if stage in STAGES or (ROOT / "stages" / stage).exists():
        raise StageError(f"there is a stage {stage} already; choose another name, or change that one")


def listed(path: str, stage: str) -> str:
    """Returns the text of a file that names every stage, with the new one. Raises StageError where it has no place."""
    text = (ROOT / path).read_text("utf-8")
    if path == IMAGES:
        name = f"{read_image(PATTERN).name.rpartition('/')[0]}/{stage}"
        return f'{text.rstrip()}\n{stage} = "{name}:0.1.0"\n'
    place = _STAGES_LINE.search(text) if path == LISTED else _PROFILES.search(text)
    if place is None:
        raise StageError(f"{path} is not as it was: it has no place for a new stage; add {stage} by hand")
    if path == LISTED:
        return f'{text[: place.end("others")]}, "{stage}"{text[place.end("others") :]}'
    return text[: place.start()] + filled("placement.toml", stage) + text[place.start() :]


def write(folder: Path, stage: str) -> None:
    """Writes the stage's files, but for its lock."""
    (folder / "tests").mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text(filled(name, stage), "utf-8")
    (folder / "tests" / f"test_{stage}.py").write_text(filled("test.py", stage), "utf-8")
    dockerfile = (ROOT / "stages" / PATTERN / "Dockerfile").read_text("utf-8")
    (folder / "Dockerfile").write_text(re.sub(rf"\b{PATTERN}\b", stage, dockerfile), "utf-8")


def filled(name: str, stage: str) -> str:
    """Returns a template's text for a stage."""
    return (TEMPLATES / f"{name}.template").read_text("utf-8").replace("@stage@", stage)


def lock(folder: Path) -> None:
    """Writes requirements.lock. Raises StageError where uv cannot find the libraries."""
    command = [str(Path(sys.executable).with_name("uv")), *_COMPILE.split(), *_WITHOUT_ADDRESSES]
    done = subprocess.run(
        [*command, "pyproject.toml", "-o", "requirements.lock"], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        raise StageError(f"the libraries of {folder.name} cannot be locked: {one_line(done.stderr)[:300]}")


def main(arguments: Sequence[str]) -> int:
    """Makes the stage, says what to do next, and returns the exit code."""
    try:
        stage = arguments[0] if arguments else ""
        folder = make(stage)
    except StageError as error:
        print(f"new-stage: {error}", file=sys.stderr)
        return 1
    print(f"{folder.relative_to(ROOT)} is there, and named in {LISTED}, {IMAGES} and {PLACEMENT}. Next:")
    print(f"  edit stages/{stage}/contract.py and main.py, then `make tables test-{stage}`")
    print(f"  commit, then `make image-{stage} push-{stage} pin-{stage} VERSION=0.1.0`")
    print(f'  `{stage} = stage_task("{stage}")` in workflows/ makes it a node: CONTRIBUTING.md shows where')
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
