"""register and publish before an MLflow that is down, slow, out of order, or dies."""

from pathlib import Path

import pytest

from tests.mlflow_server import free_port
from tests.survival.afterwards import gave_up, recovers
from tests.survival.matrix import Teller, fault
from tests.survival.programs import Finished
from tests.survival.proxy import Answered, Cut, Disturb, Request, late, proxy
from tests.survival.world import Servers, World, succeeded

WEIGHTS = "/model.safetensors"


@pytest.fixture
def heavy(servers: Servers, tmp_path: Path) -> World:
    """A world whose model has a megabyte."""
    return World.make(servers, tmp_path / "heavy", weights=bytes(1 << 20))


def run_through(disturb: Disturb, world: World, stage: str, given: dict[str, str] | None = None) -> Finished:
    """Returns the run of a stage that reaches MLflow through a proxy alone."""
    with proxy(world.servers.mlflow, disturb, keep_host=False) as between:
        return world.with_environment(MLFLOW_TRACKING_URI=between.address).run(stage, given)


@pytest.mark.representative
@fault("MLflow", "Nobody listens at MLFLOW_TRACKING_URI when register starts.", 20)
def test_mlflow_that_is_down_is_named(world: World, tell: Teller) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    run = world.with_environment(MLFLOW_TRACKING_URI=address).run("register")
    gave_up(run, world)
    assert f"MLflow at {address} does not answer" in run.last_line
    tell(run, recovers(world))


@fault("MLflow", "Each answer comes 0.2 s late while register runs.", 60)
def test_mlflow_that_is_slow_is_waited_for(world: World, tell: Teller) -> None:
    run = succeeded(run_through(late(0.2), world, "register"))
    tell(run, recovers(world, run.outputs))


@fault("MLflow", "The first answer would come after a minute.", 40)
def test_mlflow_that_does_not_answer_is_given_up(world: World, tell: Teller) -> None:
    run = run_through(late(60), world, "register")
    gave_up(run, world)
    assert "gave no answer in time" in run.last_line
    tell(run, recovers(world))


@pytest.mark.representative
@fault("MLflow", "Every answer is 500.", 20)
def test_mlflow_that_is_out_of_order_is_named(world: World, tell: Teller) -> None:
    def out_of_order(_: Request) -> None:
        raise Answered(500)

    run = run_through(out_of_order, world, "register")
    gave_up(run, world)
    assert "fails again and again (500)" in run.last_line
    tell(run, recovers(world))


@fault("MLflow", "From the 12th request of register on, every answer is 500.", 30)
def test_mlflow_that_fails_midway_costs_a_rerun(world: World, tell: Teller) -> None:
    def fail_late(request: Request) -> None:
        if request.number >= 12:
            raise Answered(500)

    run = run_through(fail_late, world, "register")
    gave_up(run, world)
    tell(run, recovers(world))


@fault("MLflow", "One request in three is answered by 503 while register runs.", 60)
def test_mlflow_that_is_busy_now_and_then_is_asked_again(world: World, tell: Teller) -> None:
    def busy(request: Request) -> None:
        if request.number % 3 == 0:
            raise Answered(503)

    run = succeeded(run_through(busy, world, "register"))
    tell(run, recovers(world, run.outputs))


@fault("MLflow", "The server does not know the host name that register calls it by.", 20)
def test_mlflow_that_checks_the_host_tells_the_remedy(world: World, tell: Teller) -> None:
    address = world.servers.mlflow.replace("127.0.0.1", "localhost")
    run = world.with_environment(MLFLOW_TRACKING_URI=address).run("register")
    gave_up(run, world)
    assert "refuses the request (403)" in run.last_line and "--allowed-hosts localhost:" in run.last_line
    tell(run, recovers(world))


@fault("MLflow", "The connection breaks off once, amid the upload of the weights.", 30)
def test_an_upload_that_breaks_off_once_is_sent_again(heavy: World, tell: Teller) -> None:
    broken: list[Request] = []

    def break_once(request: Request) -> None:
        if request.path.endswith(WEIGHTS) and not broken:
            broken.append(request)
            raise Cut(request.size // 2)

    run = succeeded(run_through(break_once, heavy, "register"))
    assert broken
    tell(run, recovers(heavy, run.outputs))


@pytest.mark.representative
@fault("MLflow", "The server dies amid the upload of the weights.", 30)
def test_mlflow_that_dies_amid_an_upload_costs_a_rerun(heavy: World, tell: Teller) -> None:
    def die(request: Request) -> None:
        if request.path.endswith(WEIGHTS):
            request.proxy.die()
            raise Cut(request.size // 2)

    run = run_through(die, heavy, "register")
    gave_up(run, heavy)
    tell(run, recovers(heavy))


@pytest.mark.representative
@fault("MLflow", "The server fails when publish moves the alias: the commit is pushed already.", 30)
def test_mlflow_that_fails_behind_the_push_gets_the_alias_later(world: World, tell: Teller) -> None:
    def refuse_aliases(request: Request) -> None:
        if request.path.endswith("/registered-models/alias"):
            raise Answered(500)

    registered = world.register()
    run = run_through(refuse_aliases, world, "publish", registered)
    gave_up(run, world)
    assert world.reader().deployed() == registered["model_version"]
    assert "champion" not in world.reader().aliases()
    tell(run, recovers(world, registered))
