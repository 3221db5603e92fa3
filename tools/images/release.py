"""Raises a stage's version, and checks that a changed stage has a new one.

    python -m tools.images.release train --part minor
    python -m tools.images.release --check --since main

The version lives in the stage's pyproject.toml; what changed is written under `## Unreleased` of its
CHANGELOG.md, which becomes the heading of the new version.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from git import Repo
from git.exc import GitCommandError

from shared.contract import STAGES
from shared.errors import StageError, one_line
from tools.images import source
from tools.images.source import ROOT
from workflows.interface import PARTS, Interface, demanded_part, of_tree

UNRELEASED = "## Unreleased"
_DESCRIBE = "import json, sys; from shared import contract; print(json.dumps(contract.load(sys.argv[1]).describe()))"
_VERSION_LINE = re.compile(r'^version = "([0-9]+)\.([0-9]+)\.([0-9]+)"$', re.MULTILINE)


def release(stage: str, part: str = "") -> str:
    """Writes the stage's new version into pyproject.toml and CHANGELOG.md, and returns it.

    part: patch, minor or major; the least that the contract's change demands where it is ''. Raises
    StageError, and writes nothing, where that is too little, or nothing stands under `## Unreleased`.
    """
    source.check_stage(stage)
    if part and part not in PARTS:
        raise StageError(f"PART is {part!r}; it must be one of {', '.join(PARTS)}")
    last, tree = _last_released(stage), of_tree(stage)
    if last.version != tree.version:
        raise StageError(f"{stage} {tree.version} is released already and not committed; commit it first")
    least, reasons = demanded_part(last, tree)
    if part and PARTS.index(part) < PARTS.index(least):
        raise StageError(f"PART={part} is too little: since {last.name}, {'; '.join(reasons)}; give PART={least}")
    project, changelog = (ROOT / "stages" / stage / name for name in ("pyproject.toml", "CHANGELOG.md"))
    version = raised(tree.version, part or least)
    released = _released_changelog(changelog, version)
    text = project.read_text("utf-8")
    project.write_text(_VERSION_LINE.sub(f'version = "{version}"', text, count=1), "utf-8")
    changelog.write_text(released, "utf-8")
    return version


def raised(version: str, part: str) -> str:
    """Returns the next version: 0.1.4 and minor give 0.2.0."""
    numbers = [int(number) for number in version.split(".")]
    place = len(PARTS) - 1 - PARTS.index(part)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1, *[0] * (len(numbers) - place - 1)]))


def _released_changelog(file: Path, version: str) -> str:
    text = file.read_text("utf-8")
    found = re.search(rf"^{UNRELEASED}[ \t]*$(?P<lines>.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found or not found["lines"].strip():
        name = file.relative_to(ROOT)
        raise StageError(f"{name} has nothing under `{UNRELEASED}`; write there what changes for who uses the stage")
    return text[: found.start()] + f"## {version}" + text[found.start("lines") :]


def _last_released(stage: str) -> Interface:
    """Returns the contract at the commit that set the stage's version last."""
    source.revision(stage)  # refuses a history that is not whole
    with Repo(ROOT) as repository:
        version = repository.git.log("-1", "-G^version = ", "--format=%H", "--", f"stages/{stage}/pyproject.toml")
        image = repository.git.log("-1", "--diff-filter=A", "--format=%H", "--", f"stages/{stage}/Dockerfile")
        # Nothing was released before there was an image.
        return described_at(stage, image if image and repository.is_ancestor(version, image) else version)


def described_at(stage: str, commit: str) -> Interface:
    """Returns the contract as a commit has it, told by that commit's own code.

    Raises StageError where the commit has no such stage or cannot tell.
    """
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit, "shared", f"stages/{stage}"], cwd=ROOT, capture_output=True
    )
    with tempfile.TemporaryDirectory() as folder:
        if archive.returncode == 0:
            subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        told = subprocess.run([sys.executable, "-Esc", _DESCRIBE, stage], cwd=folder, capture_output=True, text=True)
    if told.returncode:
        complaint = one_line((archive.stderr.decode() or told.stderr).strip().splitlines()[-1])
        raise StageError(f"the contract of {stage} at commit {commit[:12]} cannot be read: {complaint}")
    return Interface.model_validate_json(told.stdout)


def unreleased(since: str) -> list[str]:
    """Returns one line for each stage that changed since a commit without a fitting version or changelog."""
    base = source.commit(since)
    return [line for stage in STAGES if (line := _unreleased(stage, base))]


def _unreleased(stage: str, base: str) -> str:
    """Returns what is wrong with a changed stage's version; '' where nothing is."""
    files = source.changed(stage, base)
    with Repo(ROOT) as repository:
        try:
            project = repository.git.show(f"{base}:stages/{stage}/pyproject.toml")
        except GitCommandError:  # a new stage
            return ""
    if not files:
        return ""
    before, tree = tomllib.loads(project)["project"]["version"], of_tree(stage)
    others = f" and {len(files) - 1} more" if len(files) > 1 else ""
    if tree.version == before:
        what = f"{files[0]}{others} changed, and {stage} is still {before}"
        return f"{what}; write what changed into its CHANGELOG.md, then `make release-{stage}`"
    least, reasons = demanded_part(described_at(stage, base), tree)
    if _numbers(tree.version) < _numbers(raised(before, least)):
        why = f", as {'; '.join(reasons)}" if reasons else ""
        return f"{stage} {tree.version} is too low after {before}: it must be at least {raised(before, least)}{why}"
    changelog = (ROOT / "stages" / stage / "CHANGELOG.md").read_text("utf-8")
    if f"## {tree.version}" not in changelog.splitlines():
        return f"stages/{stage}/CHANGELOG.md has no heading `## {tree.version}`; write what changed below it"
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def main(arguments: Sequence[str]) -> int:
    """Does what the command line asks and returns the exit code; a failure is one line on stderr."""
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    parser.add_argument("stage", nargs="?", default="", metavar="STAGE")
    parser.add_argument("--part", default="", help=f"{', '.join(PARTS)}; without it, what the contract demands")
    parser.add_argument("--check", action="store_true", help="name the changed stages without a new version")
    parser.add_argument("--since", default="", metavar="REVISION", help="compare with this commit")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            for line in (found := unreleased(options.since)):
                print(f"versions: {line}", file=sys.stderr)
            return int(bool(found))
        version = release(options.stage, options.part)
    except StageError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print(_next_steps(options.stage, version))
    return 0


def _next_steps(stage: str, version: str) -> str:
    commit = f'git commit -m "Release {stage} {version}" -- stages/{stage}'
    steps = [commit, f"make image-{stage} push-{stage}", f"make pin-{stage} VERSION={version}"]
    return "\n".join([f"{stage} is {version} now. Next:", *(f"  {step}" for step in steps)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
