"""The engine of every stage: arguments → checked inputs → run → checked outputs, all or nothing.

    if __name__ == "__main__":
        stage.main("train", run)

Exit 0: every output is in place and valid. Exit 1: the last line on stderr says why. Exit 2: bad
arguments. SIGTERM ends the stage at once with 143. Nothing but the outputs and a temporary
directory is written, and an output appears under its name only when all of them are complete.
"""

import argparse
import errno
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from shared import archive, contract
from shared.artifacts import LINEAGE, Artifact
from shared.contract import Contract, Field, Scalar
from shared.errors import StageError, one_line

DEFAULT_OUTPUTS = Path("/var/outputs")
REASON_FILE = "TERMINATION_LOG"
DEFAULT_REASON_FILE = "/dev/termination-log"  # Kubernetes shows its content as the reason of a failure
PARTIAL = ".partial"

Run = Callable[[Any, Path], Any]

_renaming = threading.Lock()  # held while outputs get their names, so that a stop finds all of them or none


def main(name: str, run: Run, arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs stages/<name> as a program and exits. `run(inputs, outputs_dir) -> Outputs` does the work.

    `inputs` is the contract's Inputs; artefacts in it are unpacked directories. `run` writes its
    artefacts below outputs_dir and returns the contract's Outputs that name them.
    """
    declared = contract.load(name)
    options = vars(_Parser.of(declared).parse_args(arguments))
    work = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    target = options.pop("outputs")
    _stop_on_sigterm(name, work, target)
    try:
        execute(declared, run, options, target, work)
    except StageError as error:
        _exit(name, 1, str(error))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _exit(name, 1, f"no space is left on the device ({error.filename or work}); free some and run again")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(0)


def execute(declared: Contract, run: Run, options: Mapping[str, Any], target: Path, work: Path) -> None:
    """Runs one stage: the part of `main` between the arguments and the exit code.

    options: each input's parsed scalar or artefact path. target: where the outputs go. work: an
    empty temporary directory. Raises StageError for what a person can mend.
    """
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
    _finish(declared, outputs, lineage)
    _deliver(declared, outputs, target)


class _Parser(argparse.ArgumentParser):
    """The command line of a stage; bad arguments exit with 2 and one line."""

    @classmethod
    def of(cls, declared: Contract) -> "_Parser":
        parser = cls(
            prog=f"python -m stages.{declared.stage}.main",
            description=f"{declared.title} (version {declared.version})",
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
            type=Path,
            default=DEFAULT_OUTPUTS,
            metavar="FOLDER",
            help=f"where these files go: {names} (default: {DEFAULT_OUTPUTS})",
        )
        return parser

    stage = ""

    def error(self, message: str) -> NoReturn:
        _exit(self.stage, 2, f"{message} (--help lists the arguments)")

    def _add_fields(self, title: str, fields: Sequence[Field]) -> None:
        group = self.add_argument_group(title)
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

    return Path if field.artifact else parse


def _field_help(field: Field) -> str:
    limits = "".join(f", {limit.text}" for limit in field.limits)
    default = "" if field.is_required else f" (default: {contract.to_text(field.default) or 'empty'})"
    return f"{field.description}{limits}{default}".replace("%", "%%")


def _environment_help(declared: Contract) -> str:
    if not declared.environment:
        return "The environment is not read, and no network is needed."
    lines = [
        f"  {variable.name:<24}{variable.description}{' (required)' if variable.required else ''}"
        for variable in declared.environment
    ]
    return "\n".join(["environment (NAME_FILE may name a file that holds the value):", *lines])


def _clear(declared: Contract, target: Path) -> None:
    """Removes an earlier run's outputs and proves that new ones can be written, before any work."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        for field in declared.outputs:
            (target / field.name).unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=target):
            pass
    except OSError as error:
        reason = f"the outputs cannot be written to {target}: {error.strerror}; choose another folder"
        raise StageError(reason) from None


def _opened(name: str, kind: type[Artifact], source: Path, folder: Path) -> Artifact:
    """Returns the checked artefact at source: a file, a directory, or a tar that is unpacked to folder."""
    if not source.exists():
        raise StageError(f"the input {name} is missing: there is no {source}")
    is_tar = kind.is_directory and not source.is_dir()
    if is_tar:
        archive.unpack(source, folder)
    artifact = kind(folder if is_tar else source)
    made = artifact.lineage().get("type") if kind.is_directory else None
    if made and made not in _accepted_types(kind):
        raise StageError(f"the input {name} is a {made}; a {kind.__name__} is needed")
    artifact.check()
    return artifact


def _accepted_types(kind: type[Artifact]) -> set[str]:
    return {kind.__name__, *(subtype.__name__ for subtype in kind.__subclasses__())}


def _summary(artifact: Artifact, source: Path) -> dict[str, Any]:
    """Returns what the lineage of an output tells of an input: sha256, and who made it where that is known."""
    known = artifact.lineage() if artifact.is_directory else {}
    made = {key: known[key] for key in ("type", "stage", "version") if key in known}
    return made | {"sha256": archive.digest(source)}


def _finish(declared: Contract, outputs: Any, lineage: Mapping[str, Any]) -> None:
    """Checks every output and writes the lineage into the directories."""
    for field in declared.outputs:
        value: Any = getattr(outputs, field.name)
        if not field.holds(value):
            raise TypeError(f"{declared.stage} returned {value!r} as {field.name}, which is a {field.kind.__name__}")
        if field.artifact is None:
            field.parse(contract.to_text(value))
            continue
        value.check()
        if value.is_directory:
            made = {"type": field.kind.__name__, "stage": declared.stage, "version": declared.version}
            (value.path / LINEAGE).write_text(json.dumps(made | {"inputs": lineage}, indent=2, sort_keys=True) + "\n")


def _deliver(declared: Contract, outputs: Any, target: Path) -> None:
    """Puts every output in place under a passing name, then renames them all."""
    passing = {field.name: target / f".{field.name}{PARTIAL}" for field in declared.outputs}
    try:
        for name, path in passing.items():
            _write_output(getattr(outputs, name), path)
        with _renaming:
            for name, path in passing.items():
                path.replace(target / name)
    finally:
        for path in passing.values():
            path.unlink(missing_ok=True)


def _write_output(value: Artifact | Scalar, path: Path) -> None:
    if not isinstance(value, Artifact):
        path.write_text(contract.to_text(value), "utf-8")
    elif value.is_directory:
        archive.pack(value.path, path)
    else:
        shutil.copyfile(value.path, path)


def _exit(name: str, code: int, reason: str) -> NoReturn:
    _report(f"{name}: {one_line(reason)}")
    sys.exit(code)


def _report(line: str) -> None:
    """Says why the stage ends: last on stderr, and where the engine that runs it will look."""
    print(line, file=sys.stderr, flush=True)
    file = os.environ.get(REASON_FILE) or DEFAULT_REASON_FILE
    if os.access(file, os.W_OK):
        Path(file).write_text(line, "utf-8")


def _stop_on_sigterm(name: str, work: Path, target: Path) -> None:
    """Ends the process at SIGTERM, even while a library's native code runs and as process 1.

    Python runs signal handlers between bytecodes only, and one training step can take minutes. The
    wake-up descriptor is written at once, and a thread that waits for it ends the process.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)

    def wait() -> None:
        while signal.SIGTERM not in reader.recv(16):
            pass
        with _renaming:
            _report(f"{name}: stopped by SIGTERM")
            for partial in target.glob(f".*{PARTIAL}"):
                partial.unlink(missing_ok=True)
            shutil.rmtree(work, ignore_errors=True)
            os._exit(128 + signal.SIGTERM)

    threading.Thread(target=wait, name="sigterm", daemon=True).start()
