"""Secrets: in no log, no argument of a program, no URL, no output, and nowhere on a server."""

import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from shared import contract
from tests.git_server import TOKEN
from tests.minio_server import SECRET_KEY
from tests.survival.afterwards import gave_up, is_published, recovers
from tests.survival.matrix import Teller, fault
from tests.survival.programs import Finished, start_program
from tests.survival.proxy import nothing, proxy
from tests.survival.world import STAGES, World, read_outputs, succeeded

NOTHING_SHOWN = "nothing: no secret in logs, arguments, URLs, outputs, MLflow, S3 or Git"
PASSWORD, BEARER = "the-password-of-mlflow", "the-bearer-token-of-mlflow"


def signing_key() -> str:
    """Returns a new private key, as PEM."""
    make = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    return subprocess.run(make, check=True, capture_output=True, text=True).stdout


def ssh_key() -> str:
    """Returns a new private key that signs commits, in OpenSSH's form."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
        return file.read_text()


def known_secrets() -> dict[str, str]:
    """Returns a value for each secret variable of both stages."""
    known = {
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": "",  # it comes with other keys than the test's
        "GIT_SIGNING_KEY": ssh_key(),
        "GIT_TOKEN": TOKEN,
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        "MLFLOW_TRACKING_TOKEN": BEARER,
        "OLLAMA_TOKEN": "the-token-of-ollama",
        "OPENAI_API_KEY": "the-key-of-a-server",
        "SIGNING_KEY": signing_key(),
    }
    declared = {variable.name for stage in STAGES for variable in contract.load(stage).environment if variable.secret}
    assert declared <= known.keys()
    return {name: known[name] for name in declared}


def traces(secrets: Iterable[str], found: Mapping[str, bytes]) -> list[str]:
    """Returns where a secret shows; of one with several lines, where any of its lines does."""
    lines = [line.encode() for secret in secrets for line in secret.splitlines() if "-----" not in line]
    return [place for place, content in found.items() if any(line in content for line in lines)]


def run_watched(world: World, stage: str, given: Mapping[str, str]) -> tuple[Finished, set[str]]:
    """Returns a run and the command lines of it and of what it started, as `ps` shows them."""
    outputs = world.folder / f"{stage}-watched"
    process = start_program(stage, world.arguments(stage, given, outputs), world.environment)
    began, seen, parent = time.monotonic(), set[str](), psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            seen |= {"\0".join(each.cmdline()) for each in (parent, *parent.children(recursive=True))}
        time.sleep(0.005)
    errors, _ = process.communicate()
    run = Finished(stage, process.returncode, errors, time.monotonic() - began, read_outputs(stage, outputs))
    return run, seen


@fault("Secrets", "Every secret is set, and git is asked to trace; both stages run, before `ps` and proxies.", 60)
def test_secrets_show_nowhere(world: World, tell: Teller) -> None:
    secrets, seen, given = known_secrets(), set[str](), dict[str, str]()
    with ExitStack() as between:
        mlflow = between.enter_context(proxy(world.servers.mlflow, nothing, keep_host=False))
        s3, git = (
            between.enter_context(proxy(each, nothing)) for each in (world.servers.s3.endpoint, world.servers.git)
        )
        addresses = {"MLFLOW_TRACKING_URI": mlflow.address, "S3_ENDPOINT": s3.address}
        more = {"MLFLOW_TRACKING_USERNAME": "anna", "GIT_TRACE": "1", "GIT_TRACE_CURL": "1"}
        through = world.with_environment(**secrets, **addresses, **more)
        through = through.with_settings(repository=world.url.replace(world.servers.git, git.address))
        logs = ""
        for stage in STAGES:
            run, lines = run_watched(through, stage, given)
            given, seen, logs = succeeded(run).outputs, seen | lines, logs + run.errors
        urls = [request.path for server in (mlflow, s3, git) for request in server.requests]
    is_published(world, world.reader().deployed())
    outputs = b"".join(file.read_bytes() for file in world.folder.glob("*-watched/*"))
    printed = {"the log": logs, "arguments": "\n".join(seen), "URLs": "\n".join(urls)}
    found = {place: text.encode() for place, text in printed.items()} | {"outputs": outputs} | kept(world)
    assert [place for place, content in found.items() if world.agent.encode() not in content] == []
    assert traces(secrets.values(), found) == []
    tell(run, NOTHING_SHOWN)


def kept(world: World) -> dict[str, bytes]:
    """Returns everything that the servers keep: MLflow's database, artefacts and log, objects, Git's objects."""
    mlflow = b"".join(file.read_bytes() for file in (world.servers.folder / "mlflow").rglob("*") if file.is_file())
    command = ["git", "-C", str(world.repository), "cat-file", "--batch-all-objects", "--batch"]
    git = subprocess.run(command, check=True, capture_output=True).stdout
    return {"MLflow": mlflow, "S3": b"".join(world.reader().contents().values()), "Git": git}


WRONG: tuple[tuple[str, dict[str, str], dict[str, str]], ...] = (
    ("register", {"MLFLOW_TRACKING_URI": f"http://anna:{PASSWORD}@127.0.0.1:1"}, {}),
    ("publish", {"STORE_URI": f"s3://anna:{PASSWORD}@models/agents"}, {}),
    ("publish", {"S3_ENDPOINT": f"http://anna:{PASSWORD}@127.0.0.1:1"}, {}),
    ("publish", {"S3_ENDPOINT": "http://127.0.0.1:1"}, {}),
    ("publish", {}, {"repository": f"http://anna:{PASSWORD}@127.0.0.1:1/homelab.git"}),
    ("publish", {"MLFLOW_TRACKING_URI": f"http://anna:{PASSWORD}@127.0.0.1:1"}, {}),
)


@fault("Secrets", "One after the other, each address is wrong and holds a password; the last one's line is shown.", 30)
def test_secrets_show_in_no_failure(world: World, tell: Teller) -> None:
    registered, secrets = world.register(), known_secrets()
    for stage, environment, settings in WRONG:
        wrong = world.with_environment(**secrets, **environment).with_settings(**settings)
        run = wrong.start(stage, registered).wait()
        gave_up(run, world)
        assert traces(secrets.values(), {stage: run.errors.encode()}) == []
    tell(run, recovers(world, registered))
