"""A pod that hands over ends as if it had done the work: the same outputs, log, code and last line."""

from pathlib import Path

from runner.tests.world import Project, Runner


def test_the_outputs_are_those_of_a_run_without_a_runner(project: Project, runner: Runner, tmp_path: Path) -> None:
    alone = project.run(None, tmp_path / "alone", steps=2)
    handed = project.run(runner, tmp_path / "handed", steps=2)
    assert (alone.code, handed.code) == (0, 0), handed.lines
    assert handed.made() == alone.made() != {}
    assert [line for line in handed.lines if line.startswith("step")] == alone.lines


def test_a_job_has_no_network_and_writes_in_its_own_folder_alone(
    project: Project, runner: Runner, outputs: Path
) -> None:
    called = project.run(runner, outputs / "called", behaviour="call out")
    assert called.lines[-1].startswith("toy: no network: ")
    assert project.run(runner, outputs / "wrote", behaviour="write elsewhere").code == 0
    folders = (*runner.home.parents[:3], Path("/etc"), Path("/usr"), Path("/var/tmp"))
    assert [path for folder in folders for path in folder.glob("left-behind")] == []
    assert list(runner.home.rglob("left-behind")) == []
