"""register and publish before inputs that are damaged, hostile, or hold numbers that are none."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shared import archive
from tests import samples
from tests.survival.afterwards import NOTHING, gave_up, recovers
from tests.survival.matrix import Teller, fault
from tests.survival.programs import Finished
from tests.survival.reader import NOBODY
from tests.survival.world import World


def refused(world: World, stage: str, given: dict[str, str] | None = None) -> Finished:
    """Returns the run of a stage that must give up before it has changed anything."""
    before = world.reader().state()
    run = world.run(stage, given)
    gave_up(run, world)
    assert world.reader().state() == before
    return run


@pytest.fixture
def tar(world: World, tmp_path: Path) -> Path:
    """The world's model as train hands it on."""
    archive.pack(world.artefacts["model"], tmp_path / "model.tar")
    return tmp_path / "model.tar"


@pytest.mark.representative
@fault("Inputs", "One bit of a header in the model's tar has flipped.", 15)
def test_a_damaged_archive_is_refused(world: World, tar: Path, tell: Teller) -> None:
    content = bytearray(tar.read_bytes())
    content[3] ^= 1
    tar.write_bytes(content)
    run = refused(world.with_inputs(model=tar), "register")
    assert "only archives that a stage wrote are accepted" in run.last_line
    tell(run, recovers(world))


@fault("Inputs", "The model's tar ends in the middle.", 15)
def test_a_truncated_archive_is_refused(world: World, tar: Path, tell: Teller) -> None:
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])
    run = refused(world.with_inputs(model=tar), "register")
    assert "only archives that a stage wrote are accepted" in run.last_line
    tell(run, recovers(world))


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 4 if kind == tarfile.REGTYPE else 0
    return info


HOSTILE: dict[str, Callable[[Path], tarfile.TarInfo]] = {
    "a file above the folder": lambda _: member("../evil"),
    "an absolute path": lambda outside: member(str(outside)),
    "a symbolic link": lambda outside: member("config.json", tarfile.SYMTYPE, str(outside)),
    "a hard link": lambda outside: member("config.json", tarfile.LNKTYPE, str(outside)),
    "a device": lambda _: member("config.json", tarfile.CHRTYPE),
    "a pipe": lambda _: member("config.json", tarfile.FIFOTYPE),
}


@fault("Inputs", f"The model's tar holds {', '.join(HOSTILE)}: one after the other; the last one's line is shown.", 15)
def test_a_hostile_archive_writes_nowhere(world: World, tmp_path: Path, tell: Teller) -> None:
    evil = tmp_path / "evil.tar"
    for made in HOSTILE.values():
        with tarfile.open(evil, "w", format=tarfile.USTAR_FORMAT) as archived:
            archived.addfile(made(tmp_path / "outside"), io.BytesIO(b"evil"))
        run = refused(world.with_inputs(model=evil), "register")
        assert "only archives that a stage wrote are accepted" in run.last_line
        assert not (tmp_path / "outside").exists() and list(tmp_path.rglob("evil")) == []
    tell(run, recovers(world))


@fault("Inputs", "One bit of the weights has flipped between evaluate and register.", 15)
def test_weights_that_were_not_evaluated_are_refused(world: World, tell: Teller) -> None:
    made_of = {name: {"sha256": archive.digest(world.artefacts[name])} for name in ("dataset", "model")}
    lineage = {"type": "Evaluation", "stage": "evaluate", "version": "1.0.0", "inputs": made_of}
    (world.artefacts["evaluation"] / "artifact.json").write_text(json.dumps(lineage))
    weights = world.artefacts["model"] / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    run = refused(world, "register")
    assert "the Evaluation was not made from this FineTunedModel" in run.last_line
    weights.write_bytes(content)
    tell(run, recovers(world))


@pytest.mark.representative
@pytest.mark.parametrize("number", ["NaN", "Infinity"])
@fault("Inputs", "A training loss is {number}.", 15)
def test_a_loss_that_is_no_number_is_refused(world: World, tell: Teller, number: str) -> None:
    metrics = world.artefacts["metrics"]
    content = metrics.read_text()
    metrics.write_text(content.replace('"loss": 1.0', f'"loss": {number}'))
    run = refused(world, "register")
    assert "the metric training_loss is" in run.last_line
    metrics.write_text(content)
    tell(run, recovers(world))


@pytest.mark.parametrize("stage", ["register", "publish"])
@fault("Inputs", "The accuracy in the report is NaN when {stage} reads it.", 15)
def test_an_accuracy_that_is_no_number_opens_no_gate(world: World, tell: Teller, stage: str) -> None:
    report = world.artefacts["evaluation"] / "report.json"
    content = report.read_text()
    registered = world.register() if stage == "publish" else {}
    report.write_text(content.replace("0.9", "NaN"))
    run = refused(world, stage, registered)
    assert "accuracy" in run.last_line and "nan" in run.last_line
    report.write_text(content)
    tell(run, recovers(world, registered))


@fault("Inputs", "publish gets another model under the name of the registered version.", 15)
def test_another_model_under_the_version_s_name_is_refused(world: World, tmp_path: Path, tell: Teller) -> None:
    registered = world.register()
    other = samples.write_model(tmp_path / "other", b"other")
    run = refused(world.with_inputs(model=other.path), "publish", registered)
    assert "is of another content than the model" in run.last_line
    tell(run, recovers(world, registered))


@fault("Inputs", "MLflow lost its data, and another model of the same commit gets a name that the store has.", 15)
def test_a_stored_version_is_never_replaced(world: World, tmp_path: Path, tell: Teller) -> None:
    first = world.register()
    world.publish(first)
    world.forget_in_mlflow()
    model = samples.write_model(tmp_path / "other", b"other")
    other = world.with_inputs(model=model.path)
    second = other.register()
    assert second["model_version"] == first["model_version"]
    stored = world.reader().objects()
    run = other.run("publish", second)
    gave_up(run, other)
    assert "another content" in run.last_line
    assert world.reader().objects() == stored
    assert world.reader().deployed() == first["model_version"] != NOBODY
    assert world.reader().damage(first["model_version"]) == []
    tell(run, f"{NOTHING}; the new model waits for a new commit")
