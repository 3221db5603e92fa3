"""The engine of every stage: arguments → checked inputs → run → checked outputs, all or nothing.

    if __name__ == "__main__":
        stage.main("train", run)

Exit 0: every output is in place and valid. Exit 1: the last line on stderr says why. Exit 2: bad
arguments. SIGTERM and Ctrl-C end the stage at once with 143 and 130. Nothing but the outputs and a
temporary directory is written, and an output appears under its name only when all are complete.
"""

import errno
import functools
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from shared import archive, contract
from shared.artifacts import LINEAGE, Artifact
from shared.contract import Contract, Scalar
from shared.engine import free_space
from shared.engine.command_line import Parser
from shared.engine.ending import end_with, ending, report_bug, stop_on_signals
from shared.errors import StageError
from shared.runner import handover
from shared.runner.handover import JobFailed, Runner

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}

Run = Callable[[Any, Path], Any]


def main(name: str, run: Run, arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs stages/<name> as a program and exits. `run(inputs, outputs_dir) -> Outputs` does the work.

    `inputs` is the contract's Inputs; artefacts in it are unpacked directories. `run` writes its
    artefacts below outputs_dir and returns the contract's Outputs that name them.
    """
    declared = contract.load(name)
    options = vars(Parser.of(declared).parse_args(arguments))
    target = options.pop("outputs")
    work = _temporary_folder(name)
    tempfile.tempdir = str(work)  # a stop removes it, with what libraries keep there meanwhile
    sys.excepthook = functools.partial(report_bug, name)
    stop_on_signals(name, work, _passing(name, target))
    try:
        execute(declared, run, options, target, work)
    except JobFailed as failure:
        end_with(name, failure.code, str(failure), failure.is_said)
    except StageError as error:
        end_with(name, 1, str(error))
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        end_with(name, 1, f"no space is left on the device of {work} or {target}; free some and run again")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(0)


def execute(declared: Contract, run: Run, options: Mapping[str, Any], target: Path, work: Path) -> None:
    """Runs one stage: the part of `main` between the arguments and the exit code.

    options: each input's parsed scalar or artefact path. target: where the outputs go. work: an
    empty temporary directory. Raises StageError for what a person can mend.
    """
    _keep_inputs(declared, options, target)
    _clear(declared, target)
    for variable in declared.environment:
        variable.check()
    free_space.check(declared, options, target, work)
    runner = handover.runner_of(declared)  # asked before inputs are unpacked, which can take minutes
    lineage: dict[str, Any] = {}
    values = dict(options)
    for field in declared.inputs:
        if field.artifact:
            artifact = _opened(field.name, field.artifact, options[field.name], work / "inputs" / field.name)
            values[field.name] = artifact
            lineage[field.name] = _summary(artifact, options[field.name])
    results = work / "outputs"
    results.mkdir()
    if runner:
        outputs = _run_there(runner, declared, options, values, lineage, work)
    else:
        outputs = run(declared.input_class(**values), results)
    _finish(declared, outputs, lineage, results)
    _deliver(declared, outputs, target)


def _run_there(
    runner: Runner,
    declared: Contract,
    options: Mapping[str, Any],
    values: Mapping[str, Any],
    lineage: Mapping[str, Any],
    work: Path,
) -> Any:
    """Returns the outputs of a stage whose work the runner did."""
    sources = {field.name: options[field.name] for field in declared.inputs if field.artifact}
    digests = {name: made["sha256"] for name, made in lineage.items()}
    return runner.run(declared, sources, values, digests, work)


def _temporary_folder(name: str) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=f"{name}-"))
    except OSError as error:
        end_with(name, 1, f"there is no temporary folder: {error.strerror}; let TMPDIR name one that can be written")


def _keep_inputs(declared: Contract, options: Mapping[str, Any], target: Path) -> None:
    """Refuses an input that lies where an output goes: it would be removed before it is read."""
    replaced = {(target / field.name).resolve() for field in declared.outputs}
    for field in declared.inputs:
        if field.artifact and options[field.name].resolve() in replaced:
            place = options[field.name]
            raise StageError(f"the input {field.name} is {place}, which an output replaces; change --outputs")


def _clear(declared: Contract, target: Path) -> None:
    """Removes an earlier run's outputs and proves that new ones can be written, before any work."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        for field in declared.outputs:
            (target / field.name).unlink(missing_ok=True)
        shutil.rmtree(_passing(declared.stage, target), ignore_errors=True)
        with tempfile.TemporaryFile(dir=target):
            pass
    except OSError as error:
        reason = f"the outputs cannot be written to {target}: {error.strerror}; choose another folder"
        raise StageError(reason) from None


def _passing(stage: str, target: Path) -> Path:
    """Returns the folder that holds the outputs until all are complete; beside them, to be renamed at once."""
    return target / f".{stage}.partial"


def _opened(name: str, kind: type[Artifact], source: Path, folder: Path) -> Artifact:
    """Returns the checked artefact at source: a file, a directory, or a tar that is unpacked to folder."""
    try:
        if not source.exists():
            raise StageError(f"the input {name} is missing: there is no {source}")
        is_tar = kind.is_directory and not source.is_dir()
        if is_tar:
            archive.unpack(source, folder)
        artifact = kind(folder if is_tar else source)
        made = artifact.lineage().get("type") if kind.is_directory else None
        if isinstance(made, str) and made not in _accepted_types(kind):
            raise StageError(f"the input {name} is a {made}; a {kind.__name__} is needed")
        artifact.check()
    except PermissionError as error:
        raise StageError(f"the input {name} cannot be read: {error.filename}: {error.strerror}") from None
    return artifact


def _accepted_types(kind: type[Artifact]) -> set[str]:
    return {kind.__name__, *(subtype.__name__ for subtype in kind.__subclasses__())}


def _summary(artifact: Artifact, source: Path) -> dict[str, Any]:
    """Returns what the lineage of an output tells of an input: sha256, and who made it where that is known."""
    known = artifact.lineage() if artifact.is_directory else {}
    made = {key: known[key] for key in ("type", "stage", "version") if key in known}
    return made | {"sha256": archive.digest(source)}


def _finish(declared: Contract, outputs: Any, lineage: Mapping[str, Any], results: Path) -> None:
    """Checks every output and writes the lineage into the directories, which must lie in results."""
    for field in declared.outputs:
        value: Any = getattr(outputs, field.name)
        if not field.holds(value):
            raise TypeError(f"{declared.stage} returned {value!r} as {field.name}, which is a {field.kind.__name__}")
        if field.artifact is None:
            field.parse(contract.to_text(value))
            continue
        if not value.path.resolve().is_relative_to(results.resolve()):
            raise ValueError(f"{declared.stage} returned {value.path} as {field.name}, which is not in {results}")
        value.check()
        if value.is_directory:
            made = {"type": field.kind.__name__, "stage": declared.stage, "version": declared.version}
            (value.path / LINEAGE).write_text(json.dumps(made | {"inputs": lineage}, indent=2, sort_keys=True) + "\n")


def _deliver(declared: Contract, outputs: Any, target: Path) -> None:
    """Puts every output in place in a passing folder, then renames them all."""
    passing = _passing(declared.stage, target)
    with ending:  # a stop that removes the folder already waits for nobody who makes it again
        passing.mkdir()
    try:
        for field in declared.outputs:
            _write_output(getattr(outputs, field.name), passing / field.name)
        ending.acquire()  # and kept: a stop that comes later finds the work done, and the stage ends with 0
        for field in declared.outputs:
            (passing / field.name).replace(target / field.name)
    finally:
        shutil.rmtree(passing, ignore_errors=True)


def _write_output(value: Artifact | Scalar, path: Path) -> None:
    if not isinstance(value, Artifact):
        path.write_text(contract.to_text(value), "utf-8")
    elif value.is_directory:
        archive.pack(value.path, path)
    else:
        shutil.copyfile(value.path, path)
