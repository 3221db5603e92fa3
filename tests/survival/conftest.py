"""Servers for the session, a world for each row, and the page that is written when every row was told."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.git_server import git_over_http
from tests.minio_server import running_minio
from tests.mlflow_server import running_mlflow
from tests.survival.matrix import PAGE, Fault, Row, Teller, page
from tests.survival.programs import ROOT, forking
from tests.survival.world import BUCKET, STAGES, Servers, World, s3_client

ROWS = pytest.StashKey[dict[str, Row]]()
ALL = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(fault): a row of the survival matrix")
    config.addinivalue_line("markers", "representative: a row that stands for others, where there is little time")
    config.stash[ROWS], config.stash[ALL] = {}, set()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Notes the rows that have to be told, before any is deselected."""
    rows = [item for item in items if item.get_closest_marker("fault") and not item.get_closest_marker("xfail")]
    config.stash[ALL] = {item.nodeid for item in rows}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the page where the whole folder ran and every row was told."""
    rows, is_whole = session.config.stash[ROWS], [*map(_resolved, session.config.args)] == [Path(__file__).parent]
    if is_whole and session.testsfailed == 0 and rows.keys() == session.config.stash[ALL]:
        PAGE.write_text(page(rows.values()), "utf-8")


def _resolved(argument: str) -> Path:
    return Path(argument).resolve()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """An MLflow, a MinIO with one bucket, a Git server, and both stages ready to fork."""
    folder = tmp_path_factory.mktemp("servers")
    places = {name: folder / name for name in ("mlflow", "minio", "repositories", "stages")}
    for place in places.values():
        place.mkdir()
    with ExitStack() as running:
        enter = running.enter_context
        stages = {stage: enter(forking(stage, places["stages"])) for stage in STAGES}
        s3 = enter(running_minio(places["minio"]))
        s3_client(s3).make_bucket(BUCKET)
        git, _ = enter(git_over_http(places["repositories"]))
        mlflow = enter(running_mlflow(places["mlflow"])).address
        yield Servers(mlflow, s3, git, places["repositories"], folder, stages)


@pytest.fixture
def world(servers: Servers, tmp_path: Path) -> World:
    """A new agent with a model that can be registered and published."""
    return World.make(servers, tmp_path / "world")


@pytest.fixture
def tell(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Teller]:
    """Takes down the row of the test, which has to tell it."""
    addresses = {servers.mlflow: "http://mlflow", servers.s3.endpoint: "http://s3", servers.git: "http://git"}
    words = {**addresses, str(tmp_path): "…", str(ROOT): "…"}
    fault: Fault = request.node.get_closest_marker("fault").args[0]
    given = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    told = Teller(replace(fault, done=fault.done.format(**given)), words)
    yield told
    if told.row and not request.node.get_closest_marker("xfail"):  # what holds by luck is no row
        request.config.stash[ROWS][request.node.nodeid] = told.row
