"""What would keep a model from being published is told before the training, all of it in one table."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from minio.credentials import StaticProvider
from minio.minioadmin import MinioAdmin
from mlflow.tracking import MlflowClient

from shared import names
from shared.errors import StageError
from stages.publish.contract import Inputs as Published
from stages.publish.git.probe import Finding
from stages.publish.operate.__main__ import main as operate
from stages.publish.preflight.contract import ENVIRONMENT, Inputs
from stages.publish.preflight.main import examined, run, table, verdict
from stages.publish.tests.conftest import AGENT, OLD, PATH, frozen, nothing_changes, push, s3_client
from tests.minio_server import MinioServer
from tests.mlflow_server import free_port
from tests.small_servers import serving

CONFIG = f"{names.training_folder(AGENT)}/config.yaml"
NAMES = [
    "mlflow",
    "artefacts",
    "store",
    "model key",
    "git committer",
    "git signing",
    "git address",
    "git branch",
    "git push",
    "git bump",
    "version in use",
]


@pytest.fixture
def agent(repository: Path, store: Path, database: Path) -> Inputs:
    """What preflight is given for the agent of the repository, in an environment where nothing is wrong."""
    return Inputs(AGENT, str(repository))


def faults(inputs: Inputs, seconds: float = 50) -> dict[str, str]:
    """Returns what is wrong, by the name of the check."""
    found = [finding for finding in examined(inputs, seconds) if finding.holds is False]
    told = {finding.name: finding.found for finding in found}
    assert len(told) == len(found)
    return told


def configure(work: Path, text: str) -> None:
    (work / CONFIG).parent.mkdir(parents=True, exist_ok=True)
    push(work, "Configure the agent", **{CONFIG: text})


# ── nothing is wrong ──────────────────────────────────────────────────────────────────────────────


def test_where_nothing_is_wrong_a_sentence_says_so_and_nothing_has_changed(
    agent: Inputs, registered: Published, repository: Path, store: Path, database: Path, tmp_path: Path
) -> None:
    with nothing_changes(repository, database):
        outputs = run(agent, tmp_path)
    assert outputs.outcome == "9 checks hold, 2 say nothing: what will be trained can be published"
    assert list(store.iterdir()) == []


def test_every_place_is_examined(agent: Inputs, registered: Published) -> None:
    found = examined(agent)
    assert [finding.name for finding in found] == NAMES
    assert {finding.name for finding in found if finding.holds is None} == {"model key", "git signing"}


def test_a_database_that_is_not_there_is_not_made(
    agent: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/new.db")
    assert faults(agent) == {}
    assert not (tmp_path / "new.db").exists()


def test_a_server_keeps_nothing_of_it(agent: Inputs, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    client = MlflowClient(mlflow_server)
    before = [each.name for each in client.search_experiments(view_type=3)]
    found = {finding.name: finding.found for finding in examined(agent)}
    assert found["mlflow"].startswith(f"MLflow at {mlflow_server} answers, version 3.")
    assert found["artefacts"].startswith("MLflow keeps them: mlflow-artifacts:/")
    assert [each.name for each in client.search_experiments(view_type=3)] == before


def test_a_bucket_keeps_nothing_of_it(agent: Inputs, bucket: str, minio_server: MinioServer) -> None:
    assert faults(agent) == {}
    assert list(s3_client(minio_server).list_objects(bucket, recursive=True)) == []


def test_two_at_once_do_not_disturb_each_other(agent: Inputs, store: Path) -> None:
    found: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: found.append(faults(agent))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{}, {}]
    assert list(store.iterdir()) == []


# ── one fault each ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("variables", "name", "told"),
    [
        ({"MLFLOW_TRACKING_URI": ""}, "mlflow", "the environment variable MLFLOW_TRACKING_URI is not set"),
        (
            {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"},
            "mlflow",
            "MLflow at http://127.0.0.1:1 does not answer; check",
        ),
        (
            {"MLFLOW_TRACKING_URI": "sqlite:////no/m.db"},
            "mlflow",
            "MLFLOW_TRACKING_URI is sqlite:////no/m.db, but there",
        ),
        ({"MLFLOW_STAGES": "perhaps"}, "mlflow stages", "the environment variable MLFLOW_STAGES is 'perhaps'; it must"),
        ({"STORE_URI": ""}, "store", "the environment variable STORE_URI is not set"),
        ({"STORE_URI": "file:///nowhere"}, "store", "STORE_URI is file:///nowhere, but there is no folder /nowhere"),
        ({"STORE_URI": "s3://models"}, "store", "STORE_URI names a bucket, but neither S3_ENDPOINT nor AWS_REGION"),
        ({"STORE_PAGE_URL": "nowhere"}, "store", "STORE_PAGE_URL is nowhere; it must be http(s)://"),
        ({"SIGNING_KEY": "geheim"}, "model key", "SIGNING_KEY holds no private key in PEM"),
        ({"VERIFY_KEY": "geheim"}, "model key", "VERIFY_KEY holds no public key in PEM"),
        ({"SIGNING_KEY_FILE": "/nowhere"}, "model key", "SIGNING_KEY_FILE names /nowhere, which cannot be read"),
        ({"GIT_AUTHOR_EMAIL": "anna"}, "git committer", "GIT_AUTHOR_EMAIL is 'anna'; give an e-mail address"),
        ({"GIT_SIGNING_KEY": "geheim"}, "git signing", "the key of GIT_SIGNING_KEY cannot sign commits"),
    ],
)
def test_a_variable_that_is_wrong_is_told(
    agent: Inputs, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str, told: str
) -> None:
    for variable in ("S3_ENDPOINT", "AWS_REGION"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    found = faults(agent)
    assert list(found) == [name]
    assert found[name].startswith(told)
    assert "geheim" not in found[name]


def test_an_mlflow_that_is_too_old_is_told(agent: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/version": b"2.22.1", "/health": b"OK"}) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        told = f"MLflow at {address} is too old: the server is MLflow 2.22.1; 3 or newer is needed"
        assert faults(agent) == {"mlflow": told}


def test_an_experiment_that_was_deleted_is_told(agent: Inputs, client: MlflowClient) -> None:
    client.delete_experiment(client.create_experiment(names.experiment(AGENT)))
    assert faults(agent)["mlflow"].startswith(
        f"the MLflow experiment {names.experiment(AGENT)} was deleted; restore it"
    )


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("STORE_URI", "has no such bucket; create it, or check the address (NoSuchBucket)"),
        ("AWS_ACCESS_KEY_ID", "does not accept the credentials; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_told(
    agent: Inputs, bucket: str, monkeypatch: pytest.MonkeyPatch, variable: str, told: str
) -> None:
    monkeypatch.setenv(variable, {"STORE_URI": "s3://no-such-bucket/models"}.get(variable, "another"))
    assert told in faults(agent)["store"]


@pytest.fixture
def account(minio_server: MinioServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Lets the environment have an account that may do what is named, and no more."""
    host = minio_server.endpoint.removeprefix("http://")
    keys = StaticProvider(minio_server.access_key, minio_server.secret_key)
    admin = MinioAdmin(endpoint=host, credentials=keys, region="us-east-1", secure=False)

    def enter(name: str, *actions: str) -> None:
        policy = tmp_path / "policy.json"
        allowed = ", ".join(f'"s3:{action}"' for action in actions)
        statement = f'{{"Effect": "Allow", "Action": [{allowed}], "Resource": ["arn:aws:s3:::*"]}}'
        policy.write_text(f'{{"Version": "2012-10-17", "Statement": [{statement}]}}')
        admin.policy_add(name, str(policy))
        admin.user_add(name, f"{name}-secret")
        admin.attach_policy([name], user=name)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{name}-secret")

    return enter


def test_an_account_that_may_not_write_is_told(agent: Inputs, bucket: str, account: Callable[..., None]) -> None:
    account("onlooker", "ListBucket", "GetObject")
    assert "refuses the request; give the account the right to list, read and write" in faults(agent)["store"]


def test_an_account_that_may_remove_nothing_is_told_what_stays(
    agent: Inputs, bucket: str, account: Callable[..., None], minio_server: MinioServer
) -> None:
    account("keeper", "ListBucket", "GetObject", "PutObject")
    found = {finding.name: finding for finding in examined(agent)}
    (left,) = s3_client(minio_server).list_objects(bucket, recursive=True)
    assert found["store"].holds
    remedy = "could not be removed; take it away, and let the account delete what begins with .preflight-"
    assert found["store probe"] == Finding("store probe", None, f"s3://{bucket}/{left.object_name} {remedy}")


@contextmanager
def forgetting(server: MinioServer) -> Iterator[str]:
    """Yields the address of the same server, to which no request comes with its condition."""
    listener = socket.create_server(("127.0.0.1", 0))
    host, port = server.endpoint.removeprefix("http://").split(":")

    def hand_on(client: socket.socket) -> None:
        with client, socket.create_connection((host, int(port))) as behind:
            back = threading.Thread(target=pour, args=(behind, client), daemon=True)
            back.start()
            pour(client, behind, forget=True)
            back.join()

    def pour(source: socket.socket, target: socket.socket, forget: bool = False) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data.replace(b"If-None-Match: *", b"X-Of-No-Account: *") if forget else data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def accept() -> None:
        try:
            while True:
                threading.Thread(target=hand_on, args=(listener.accept()[0],), daemon=True).start()
        except OSError:
            return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def test_a_store_that_replaces_what_is_there_is_told(
    agent: Inputs, bucket: str, minio_server: MinioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forgetting(minio_server) as address:
        monkeypatch.setenv("S3_ENDPOINT", address)
        told = faults(agent)["store"]
    what = "replaces what is there in spite of If-None-Match, so that one run could destroy another's version"
    assert told == f"s3://{bucket}/models {what}; use a newer server"
    assert list(s3_client(minio_server).list_objects(bucket, recursive=True)) == []


def test_a_repository_that_is_not_there_is_told_once(agent: Inputs) -> None:
    found = faults(Inputs(AGENT, "/nowhere"))
    told = "the repository /nowhere is neither a folder that exists nor an http, https, ssh or file URL"
    assert found == {"git address": told}


def test_a_branch_that_is_not_there_is_told_once(agent: Inputs, repository: Path) -> None:
    found = faults(Inputs(AGENT, str(repository), "prod"))
    assert found == {"git branch": f"the repository {repository} has no branch prod; its branches: main"}


def test_a_checkout_in_place_of_a_bare_repository_is_told(agent: Inputs, work: Path) -> None:
    found = faults(Inputs(AGENT, str(work)))
    assert list(found) == ["git push"]
    assert found["git push"].startswith(f"the branch main is checked out in {work}, where git takes no push to it")


def test_an_agent_that_is_not_there_is_told(agent: Inputs, repository: Path) -> None:
    found = faults(Inputs("agent-x", str(repository)))
    assert found["git config"].startswith(f"there is no agent agent-x in {repository} on main")


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("deploy: {mode: later}\n", "git config", f"deploy in {CONFIG} cannot be used: 'later' is no mode"),
        ("a: [\n", "git config", f"{CONFIG} is no YAML; correct it"),
        (
            "deploy: {fields: [{file: k8s/agent.yaml, field: spec.model, value: '{version}'}]}\n",
            "git bump",
            "k8s is missing in ",
        ),
        ("deploy: {mode: pull-request}\n", "git rules", "deploy.mode is pull-request, but the repository "),
    ],
)
def test_what_config_yaml_asks_for_is_told_where_it_cannot_be_done(
    agent: Inputs, work: Path, text: str, name: str, told: str
) -> None:
    configure(work, text)
    found = faults(agent)
    assert list(found) == [name]
    assert told in found[name]


def test_a_version_that_somebody_put_into_git_by_hand_is_told(agent: Inputs, registered: Published, work: Path) -> None:
    push(work, "By hand", **{PATH: "v20260101-cccccccc\n"})
    told = f"MODEL_VERSION names 'v20260101-cccccccc', but the champion of {AGENT} is {OLD}; commit {OLD} there"
    assert faults(agent) == {"version in use": told}


def test_a_server_that_the_model_is_to_be_brought_to_must_answer(agent: Inputs, work: Path) -> None:
    port = free_port()
    configure(work, f"deploy: {{servers: [{{kind: ollama, url: 'http://127.0.0.1:{port}'}}]}}\n")
    found = faults(agent)
    assert list(found) == ["server"]
    assert f"http://127.0.0.1:{port}" in found["server"]


def test_a_server_that_fetches_the_model_itself_need_not_run_yet(agent: Inputs, work: Path) -> None:
    configure(work, f"deploy: {{servers: [{{kind: openai, url: 'http://127.0.0.1:{free_port()}/v1'}}]}}\n")
    (server,) = [finding for finding in examined(agent) if finding.name == "server"]
    assert server.holds is None


# ── all at once ───────────────────────────────────────────────────────────────────────────────────


def test_every_fault_is_told_at_once(
    agent: Inputs, work: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = [free_port() for _ in range(2)]
    servers = ", ".join(f"{{kind: ollama, url: 'http://127.0.0.1:{port}'}}" for port in ports)
    fields = "[{file: k8s/agent.yaml, field: spec.model, value: '{version}'}]"
    configure(work, f"deploy: {{servers: [{servers}], fields: {fields}}}\n")
    wrong = {"STORE_URI": "", "SIGNING_KEY": "x", "GIT_AUTHOR_EMAIL": "x", "GIT_SIGNING_KEY": "x", "MLFLOW_STAGES": "x"}
    for variable, value in (wrong | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}).items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(StageError) as refused:
        run(Inputs(AGENT, str(work)), tmp_path)
    lines = capsys.readouterr().err.splitlines()
    failed = [line[8:].split("  ")[0] for line in lines if line.startswith("FAILED")]
    expected = ["mlflow stages", "mlflow", "store", "model key", "git committer", "git signing", "git push"]
    assert failed == [*expected, "git bump", "server", "server"]
    assert str(refused.value).startswith(
        "10 of 12 checks failed, so nothing is trained: mlflow stages: the environment"
    )
    for port in ports:
        assert f"server: Ollama at http://127.0.0.1:{port}" in str(refused.value)


@contextmanager
def silent() -> Iterator[str]:
    """Yields the address of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_places_that_say_nothing_are_told_in_time_and_keep_no_other_waiting(
    agent: Inputs, work: Path, bucket: str, minio_server: MinioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent() as address, frozen(minio_server):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        began = time.monotonic()
        found = faults(Inputs(AGENT, f"{address}/homelab.git"), seconds=3)
    assert time.monotonic() - began < 6
    late = "gave no answer within 3 s; check that it is well, and run again"
    assert found == {"mlflow": late, "store": late, "git": late}


def test_servers_that_are_slow_are_named_within_a_minute(
    agent: Inputs, bucket: str, minio_server: MinioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent() as address, frozen(minio_server):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        began = time.monotonic()
        found = faults(agent, seconds=55)
    assert time.monotonic() - began < 56
    assert (
        found["mlflow"] == f"MLflow at {address} gave no answer in time; check that the server is well, and run again"
    )
    assert found["store"].endswith("gave no answer within 10 s; check that the server is well, and run again")


# ── as a program ──────────────────────────────────────────────────────────────────────────────────


def program(inputs: Inputs, folder: Path) -> "subprocess.CompletedProcess[str]":
    given = [f"--agent-name={inputs.agent_name}", f"--repository={inputs.repository}", f"--outputs={folder}"]
    command = [sys.executable, "-m", "stages.publish.preflight.main", *given]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)


def test_the_program_ends_with_the_table_and_one_line(
    agent: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = program(agent, tmp_path / "outputs")
    assert passed.returncode == 0
    assert (tmp_path / "outputs" / "outcome").read_text().endswith("what will be trained can be published")
    monkeypatch.delenv("STORE_URI")
    failed = program(agent, tmp_path / "others")
    last = failed.stderr.splitlines()[-1]
    told = (
        "store: the environment variable STORE_URI is not set; it must hold where models are stored: file:///<folder>"
    )
    assert failed.returncode == 1
    assert last.startswith(f"preflight: 1 of 11 checks failed, so nothing is trained: {told}")
    assert not (tmp_path / "others" / "outcome").exists()


def test_it_is_one_of_the_operators_commands(agent: Inputs, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--agent", AGENT, "--repository", agent.repository]
    assert operate(["preflight", *given]) == 0
    assert operate(["preflight", "--agent", "agent-x", *given[2:]]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[0].startswith("ok      mlflow ")
    assert told.err.startswith("preflight: 1 of ")


def test_its_variables_are_those_that_publish_reads_and_none_stops_the_pod() -> None:
    from stages.publish import contract as publish

    assert [variable.name for variable in ENVIRONMENT] == [variable.name for variable in publish.ENVIRONMENT]
    assert not any(variable.required for variable in ENVIRONMENT)


def test_a_table_without_anything_is_empty() -> None:
    assert list(table([])) == []
    assert verdict([]) == "0 checks hold, 0 say nothing: what will be trained can be published"
