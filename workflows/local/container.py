"""The back end `docker`: a stage as a container of its image, as a pod of a cluster would run it.

Inputs are mounted at /var/inputs, outputs at /var/outputs; the root file system is read-only, all
capabilities are dropped, memory and time limits hold, and a failed stage is started again as often
as placement.toml says. A container never outlives the run that started it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import Mount
from kubernetes.utils.quantity import parse_quantity
from requests.exceptions import RequestException

from shared.contract import PIPELINE
from shared.errors import StageError, one_line
from workflows.interface import check_image
from workflows.local import copilot
from workflows.local.execution import GRACE_SECONDS, TIMED_OUT, Execution, run_to_end, say
from workflows.local.mounts import surroundings
from workflows.placement import Image, entrypoint, read_image

RUN_LABEL = "io.agent-training.run"  # `<process id> <its start>` of the run that a container belongs to
REASON = "/dev/termination-log"  # Kubernetes mounts a file there, too
_PASSED_ON = ("OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "http_proxy", "https_proxy", "no_proxy")


def run_stage(execution: Execution, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Runs the stage's image and returns its outputs: scalars, and paths of files.

    Raises StageFailed where the stage fails as often as placement.toml allows, StageError where Docker or
    the image cannot be used.
    """
    attempts = 1 + execution.placement.retries
    return run_to_end(_run, execution, inputs, execution.image.version, attempts)


@contextmanager
def connected() -> Iterator[docker.DockerClient]:
    """Yields a client of the Docker engine. Raises StageError where there is none, also later in the block."""
    try:
        client = docker.from_env()
    except DockerException as error:
        raise StageError(f"Docker does not answer: {_remedy(str(error))} ({one_line(str(error))[:200]})") from None
    try:
        yield client
    except (APIError, RequestException) as error:
        raise StageError(f"Docker failed: {one_line(str(error))[:300]}") from None
    finally:
        client.close()


def find_image(client: docker.DockerClient, stage: str, image: Image) -> str:
    """Returns the id of the image, pulled where it is not here yet.

    Raises StageError where it is nowhere, and where its contract does not fit the tree's.
    """
    try:
        found = client.images.get(image.address)
    except ImageNotFound:
        say(f"{stage}: pulling {image.address}")
        found = _pull(client, stage, image)
    check_image(stage, image.version, found.labels)
    return str(found.id)


def prepare() -> None:
    """Makes sure, before anything runs, that Docker answers and that every stage's image is here and fits.

    Also removes the containers of runs that were killed. Raises StageError as `find_image` does.
    """
    with connected() as client:
        _remove_left_over(client)
        for stage in PIPELINE:
            find_image(client, stage, read_image(stage))


def _remove_left_over(client: docker.DockerClient) -> None:
    for container in client.containers.list(all=True, filters={"label": RUN_LABEL}):
        owner = str(container.labels[RUN_LABEL])
        if _process(int(owner.split(" ")[0])) != owner:
            say(f"removing {container.name}, which a run that is gone has left")
            _remove(container)


def _pull(client: docker.DockerClient, stage: str, image: Image) -> Any:
    try:
        return client.images.pull(image.address)
    except (NotFound, ImageNotFound):
        remedy = f"`make image-{stage}` builds it, or let images.toml name another"
        if image.digest:
            remedy = f"`make versions` shows what is there, `make pin-{stage} VERSION=…` pins it"
        raise StageError(f"the image {image.address} is neither here nor in its registry; {remedy}") from None
    except APIError as error:
        reason = f"the image {image.address} is not here and cannot be pulled"
        raise StageError(f"{reason}: {one_line(str(error.explanation))[:300]}") from None


def _run(execution: Execution, inputs: Mapping[str, Any]) -> int:
    with connected() as client:
        image = find_image(client, execution.contract.home, execution.image)
        name = f"{execution.folder.parent.name}-{execution.contract.stage}"
        try:
            container = client.containers.create(image, name=name, **_options(client, execution, inputs))
            return _wait(container, execution)
        finally:
            with contextlib.suppress(NotFound):
                _remove(client.containers.get(name))


def _options(client: docker.DockerClient, execution: Execution, inputs: Mapping[str, Any]) -> dict[str, Any]:
    around, placement = surroundings(execution, inputs), execution.placement
    memory = int(_quantity(placement.memory))
    cores = min(_quantity(placement.cpu), client.info()["NCPU"])
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        "entrypoint": entrypoint(execution.contract) or None,
        "command": copilot.arguments(execution.contract, inputs),
        "environment": passed | execution.environment(),
        "mounts": _mounts(execution, inputs, around.paths, not around.is_writable),
        "user": around.user,
        "network_mode": around.network,
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(cores * 1e9),
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "labels": {RUN_LABEL: _process(os.getpid())},
    }


def _quantity(text: str) -> float:
    return float(parse_quantity(text))  # type: ignore[no-untyped-call]


def _mounts(execution: Execution, inputs: Mapping[str, Any], paths: tuple[Path, ...], read_only: bool) -> list[Mount]:
    folder = execution.folder / "inputs"
    artefacts = copilot.write_inputs(execution.contract, inputs, folder)
    for written in (execution.outputs, execution.reason_file):
        written.chmod(0o777)  # as an emptyDir of Kubernetes: whoever the image's user is, it may write
    return [
        Mount(copilot.INPUTS, str(folder), type="bind", read_only=True),
        *(Mount(target, str(file), type="bind", read_only=True) for target, file in artefacts.items()),
        Mount(copilot.OUTPUTS, str(execution.outputs), type="bind"),
        Mount(REASON, str(execution.reason_file), type="bind"),
        Mount("/tmp", None, type="volume"),
        *(Mount(str(path), str(path), type="bind", read_only=read_only or path.is_file()) for path in paths),
    ]


def _wait(container: Container, execution: Execution) -> int:
    """Returns the exit code; a container that runs past its limit is stopped."""
    started = time.monotonic()
    container.start()
    log = threading.Thread(target=_copy_log, args=(container,), daemon=True)
    log.start()
    while (state := _state(container))["Running"]:
        if time.monotonic() - started > execution.seconds:
            container.stop(timeout=int(GRACE_SECONDS))
            execution.reason_file.write_text(execution.late())
            return TIMED_OUT
        time.sleep(0.2)
    log.join(GRACE_SECONDS)
    if state["OOMKilled"]:
        needed = f"more than its {execution.placement.memory} of memory (placement.toml)"
        execution.reason_file.write_text(f"it was killed because it needed {needed}")
        return 128 + signal.SIGKILL
    return int(state["ExitCode"])


def _state(container: Container) -> dict[str, Any]:
    container.reload()
    return dict(container.attrs["State"])


def _copy_log(container: Container) -> None:
    with contextlib.suppress(DockerException, RequestException):  # the container is removed while it is read
        for chunk in container.logs(stream=True, follow=True):
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()


def _remove(container: Container) -> None:
    """Stops a container in order and removes it; a second Ctrl-C ends the patience."""
    try:
        if _state(container)["Running"]:
            container.stop(timeout=int(GRACE_SECONDS))
    finally:
        with contextlib.suppress(NotFound):
            container.remove(force=True, v=True)


def _process(number: int) -> str:
    """Returns a process's id and start, which no later process shares; only its id where it is gone."""
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(number)], capture_output=True, text=True, check=False)
    return f"{number} {' '.join(found.stdout.split())}"


def _remedy(reason: str) -> str:
    if "Permission denied" in reason:
        return "this user may not use it; add the user to the group docker and log in again"
    return "install it, or start it; BACKEND=process needs none"
