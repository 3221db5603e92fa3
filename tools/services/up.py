"""`make services-up`: MLflow, an S3 server and a Git server on this machine, and how to run against them.

    python -m tools.services.up --mlflow-port 5001 --s3-port 9000 --git-port 3000

What runs already stays as it is. Data, logs and passwords lie in .services/, and stay there.
"""

import argparse
import fcntl
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from minio import Minio

from shared.errors import StageError
from tools.services import places, processes, servers
from tools.services.processes import Running
from tools.services.report import write_environment, written
from tools.services.servers import PORTS, Server
from workflows.local.demo import demo_repository

START_SECONDS = 240  # MLflow makes its tables first
LAST_LINES = 12


def main(arguments: Sequence[str]) -> int:
    """Starts what is missing, prints what runs, and returns the exit code."""
    try:
        up(_ports(arguments))
    except StageError as error:
        print(f"services-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("services-up: stopped; what it had started has ended", file=sys.stderr)
        return 130
    return 0


def up(ports: Mapping[str, int | None]) -> None:
    """Starts the servers that do not run, each at its port or else the usual one.

    Raises StageError for a port that is taken and a server that does not start; what this call
    started has ended then.
    """
    places.FOLDER.mkdir(parents=True, exist_ok=True)
    with _alone():
        known = processes.running()
        _check_ports(known, ports)
        wanted = [_server(name, _port(name, known, ports)) for name in PORTS]
        present = [server for server in wanted if server]
        for name in known:
            print(f"{name} runs already, as process {known[name].pid}")
        _start([server for server in present if server.name not in known], known)
        chosen = {server.name: server for server in present}
        _make_repository()
        if "s3" in chosen:
            _make_bucket(chosen["s3"])
        else:
            places.STORE.mkdir(exist_ok=True)
        write_environment(chosen)
        print(written(chosen))


def _ports(arguments: Sequence[str]) -> dict[str, int | None]:
    parser = argparse.ArgumentParser(prog="services-up", allow_abbrev=False)
    for name in PORTS:
        parser.add_argument(f"--{name}-port", dest=name, metavar="PORT")
    given = vars(parser.parse_args(arguments))
    return {name: _port_number(name, text) if text else None for name, text in given.items()}


def _port_number(name: str, text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65534:
        return int(text)
    raise StageError(f"{name.upper()}_PORT is {text}; it must be a number from 1 to 65534")


def _port(name: str, known: Mapping[str, Running], ports: Mapping[str, int | None]) -> int:
    return known[name].port if name in known else ports[name] or PORTS[name]


def _server(name: str, port: int) -> Server | None:
    return {"mlflow": servers.mlflow, "s3": servers.s3, "git": servers.git}[name](port)


def _check_ports(known: Mapping[str, Running], ports: Mapping[str, int | None]) -> None:
    for name, running in known.items():
        if ports[name] not in (None, running.port):
            raise StageError(f"{name} runs already, at port {running.port}; `make services-down` first")


def _start(missing: Sequence[Server], known: Mapping[str, Running]) -> None:
    for server in missing:
        for port in server.ports:
            _check_free(server.name, port)
    started: dict[str, Running] = {}
    try:
        for server in missing:
            log = places.log(server.name)
            arguments = (server.name, server.command, server.environment, server.folder, log, server.ports[0])
            started[server.name] = processes.started(*arguments)
            processes.remember({**known, **started})
        for server in missing:
            _wait(server, started)
    except BaseException:
        for running in started.values():
            processes.stop(running)
        processes.remember(known)
        raise


def _check_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            variable = f"{name.upper()}_PORT"
            reason = f"port {port} cannot be used for {name}: {error.strerror}"
            raise StageError(f"{reason}; choose another one: make services-up {variable}=<port>") from None


def _wait(server: Server, started: Mapping[str, Running]) -> None:
    print(f"waiting for {server.name} at {server.address}", flush=True)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        for name, running in started.items():
            if running.process() is None:
                raise StageError(f"{name} ended as soon as it was started; {_last_words(name)}")
        try:
            urllib.request.urlopen(server.address + server.alive, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return  # an answer too
        except OSError:
            time.sleep(0.2)
    raise StageError(f"{server.name} does not answer after {START_SECONDS} s; {_last_words(server.name)}")


def _last_words(name: str) -> str:
    log = places.log(name)
    lines = log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:]
    for line in lines:
        print(f"{name} | {line}", file=sys.stderr)
    return f"see above what it said last, and {log}" if lines else "it said nothing"


def _make_repository() -> None:
    repository = places.REPOSITORIES / "homelab.git"
    if not repository.exists():  # a person may have pushed to it since
        demo_repository(repository)


def _make_bucket(server: Server) -> None:
    password = places.password(places.S3_PASSWORD)
    host = server.address.removeprefix("http://")
    client = Minio(host, servers.S3_USER, password, secure=False, region=servers.REGION)
    if not client.bucket_exists(servers.BUCKET):
        client.make_bucket(servers.BUCKET)


@contextmanager
def _alone() -> Iterator[None]:
    with places.LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StageError("another services-up is at work; wait for it") from None
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
