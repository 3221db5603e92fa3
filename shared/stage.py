"""The engine of every stage: arguments → checked inputs → run → checked outputs, all or nothing.

    if __name__ == "__main__":
        stage.main("train", run)

Exit 0: every output is in place and valid. Exit 1: the last line on stderr says why. Exit 2: bad
arguments. SIGTERM and Ctrl-C end the stage at once with 143 and 130. Nothing but the outputs and a
temporary directory is written, and an output appears under its name only when all are complete.
"""

import argparse
import contextlib
import errno
import functools
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from shared import archive, contract
from shared.artifacts import LINEAGE, Artifact
from shared.contract import Contract, Field, Scalar
from shared.errors import StageError, one_line, printable

DEFAULT_OUTPUTS = Path("/var/outputs")
REASON_FILE = "TERMINATION_LOG"
DEFAULT_REASON_FILE = "/dev/termination-log"  # Kubernetes shows its content as the reason of a failure
STOPS = {signal.SIGTERM, signal.SIGINT}
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}

Run = Callable[[Any, Path], Any]

# Held while outputs get their names, so that a stop finds all of them or none; taken for good by the
# thread that ends the process, so that a stop and a failure that it causes do not both speak.
_ending = threading.RLock()


def main(name: str, run: Run, arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs stages/<name> as a program and exits. `run(inputs, outputs_dir) -> Outputs` does the work.

    `inputs` is the contract's Inputs; artefacts in it are unpacked directories. `run` writes its
    artefacts below outputs_dir and returns the contract's Outputs that name them.
    """
    declared = contract.load(name)
    options = vars(_Parser.of(declared).parse_args(arguments))
    target = options.pop("outputs")
    work = _temporary_folder(name)
    sys.excepthook = functools.partial(_report_bug, name)
    _stop_on_signals(name, work, target)
    try:
        execute(declared, run, options, target, work)
    except StageError as error:
        _exit(name, 1, str(error))
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        _exit(name, 1, f"no space is left on the device of {work} or {target}; free some and run again")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _ending.acquire()
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
    lineage: dict[str, Any] = {}
    values = dict(options)
    for field in declared.inputs:
        if field.artifact:
            artifact = _opened(field.name, field.artifact, options[field.name], work / "inputs" / field.name)
            values[field.name] = artifact
            lineage[field.name] = _summary(artifact, options[field.name])
    results = work / "outputs"
    results.mkdir()
    outputs = run(declared.input_class(**values), results)
    _finish(declared, outputs, lineage, results)
    _deliver(declared, outputs, target)


class _Parser(argparse.ArgumentParser):
    """The command line of a stage; bad arguments exit with 2 and one line."""

    @classmethod
    def of(cls, declared: Contract) -> "_Parser":
        parser = cls(
            prog=f"python -m stages.{declared.stage}.main",
            description=f"{declared.title}\n\nVersion {declared.version}",
            epilog=_environment_help(declared),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.stage = declared.stage
        description = json.dumps(declared.describe(), indent=2)
        parser.add_argument("--describe", action="version", version=description, help="print the contract as JSON")
        parser.add_argument("--version", action="version", version=declared.version, help="print the version")
        parser._add_fields("inputs", declared.inputs)
        parser._add_fields("filled by the engine that runs the stage", declared.runtime)
        names = ", ".join(field.name for field in declared.outputs)
        parser.add_argument_group("outputs").add_argument(
            "--outputs",
            type=_path,
            default=DEFAULT_OUTPUTS,
            metavar="FOLDER",
            help=f"where these files go: {names} (default: {DEFAULT_OUTPUTS})",
        )
        return parser

    stage = ""

    def error(self, message: str) -> NoReturn:
        _exit(self.stage, 2, f"{message} (--help lists the arguments)")

    def _add_fields(self, title: str, fields: Sequence[Field]) -> None:
        paths = "an artefact is the path of a tar that a stage wrote, or of a folder"
        group = self.add_argument_group(title, paths if any(field.artifact for field in fields) else None)
        for field in fields:
            group.add_argument(
                field.flag,
                dest=field.name,
                type=_argument_type(field),
                required=field.is_required,
                default=None if field.is_required else field.default,
                metavar=contract.type_name(field.kind),
                help=_field_help(field),
            )


def _argument_type(field: Field) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return field.parse(text)
        except StageError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return _path if field.artifact else parse


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def _field_help(field: Field) -> str:
    limits = "; " + ", ".join(limit.text for limit in field.limits) if field.limits else ""
    default = "" if field.is_required else f" (default: {contract.to_text(field.default) or 'empty'})"
    return f"{field.description}{limits}{default}".replace("%", "%%")


def _environment_help(declared: Contract) -> str:
    if not declared.environment:
        return "The environment is not read, and no network is needed."
    width = max(len(variable.name) for variable in declared.environment) + 2
    lines = [
        f"  {variable.name:<{width}}{variable.description}{' (required)' if variable.required else ''}"
        for variable in declared.environment
    ]
    return "\n".join(["environment (NAME_FILE may name a file that holds the value):", *lines])


def _temporary_folder(name: str) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=f"{name}-"))
    except OSError as error:
        _exit(name, 1, f"there is no temporary folder: {error.strerror}; let TMPDIR name one that can be written")


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
    try:
        passing.mkdir()
        for field in declared.outputs:
            _write_output(getattr(outputs, field.name), passing / field.name)
        with _ending:
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


def _exit(name: str, code: int, reason: str) -> NoReturn:
    _ending.acquire()
    _report(f"{name}: {one_line(reason)}")
    sys.exit(code)


def _report_bug(name: str, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints the traceback of what is no StageError; its text may hold what a repository contains."""
    _ending.acquire()
    for line in "".join(traceback.format_exception(kind, error, trace)).splitlines():
        print(f"| {printable(line)}", file=sys.stderr)
    _report(f"{name}: unexpected {kind.__name__}: {one_line(str(error))}")


def _report(line: str) -> None:
    """Says why the stage ends: last on stderr, and where the engine that runs it will look."""
    print(line, file=sys.stderr, flush=True)
    asked = os.environ.get(REASON_FILE)
    file = Path(asked or DEFAULT_REASON_FILE)
    with contextlib.suppress(OSError):  # the reason is on stderr already, and this file is a courtesy
        if asked or file.exists():
            file.write_text(line, "utf-8")


def _stop_on_signals(name: str, work: Path, target: Path) -> None:
    """Ends the process at SIGTERM or Ctrl-C, even while a library's native code runs and as process 1.

    Python runs signal handlers between bytecodes only, and one training step can take minutes. The
    wake-up descriptor is written at once, and a thread that waits for it ends the process.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    for number in STOPS:
        signal.signal(number, lambda *_: None)
    os.register_at_fork(after_in_child=_forget_signals)
    # The thread gets the writer too: closed, its descriptor would be reused for some file.
    arguments = (name, work, _passing(name, target), reader, writer)
    threading.Thread(target=_await_stop, args=arguments, name="stop", daemon=True).start()


def _await_stop(name: str, work: Path, passing: Path, reader: socket.socket, writer: socket.socket) -> NoReturn:
    while not (stops := STOPS.intersection(reader.recv(64))):
        pass
    number = stops.pop()
    with _ending:
        try:
            for _ in range(3):  # the main thread still runs and may add a file meanwhile
                shutil.rmtree(work, ignore_errors=True)
                shutil.rmtree(passing, ignore_errors=True)
            _report(f"{name}: stopped by {signal.Signals(number).name}")
        finally:
            os._exit(128 + number)


def _forget_signals() -> None:
    # A forked worker shares the descriptor: the SIGTERM that a pool sends to it would end the parent.
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
