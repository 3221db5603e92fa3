"""What `make run` brings where a person has no repository and no model yet: the example as a local
bare Git repository, and the small demo model."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from git import Actor, Repo

from examples.demo_model.training import TRAINING
from shared.names import agent_folder, model_version_path
from workflows.local.execution import ROOT

EXAMPLE = ROOT / "examples" / "homelab"
DEMO_MODEL = ROOT / "examples" / "demo_model" / "base"
DEMO_SETTINGS = TRAINING
_AUTHOR = Actor("Example", "example@localhost")
# The first commit has a fixed time, so that the example gives the same model version everywhere.
_FIRST_COMMIT = datetime(2025, 12, 24, 12, 0, tzinfo=UTC)


def demo_repository(bare: Path) -> Path:
    """Returns the bare repository at `bare`, made or brought up to date from examples/homelab.

    An edit of the example becomes a commit; the models' versions belong to publish and stay, in MODEL_VERSION
    and in the manifests.
    """
    if not bare.exists():
        Repo.init(bare, bare=True, initial_branch="main", mkdir=True).close()
    with TemporaryDirectory() as folder, Repo.clone_from(bare, folder) as clone:
        is_first = not clone.heads
        if is_first:
            clone.git.checkout("-B", "main")
        _copy_example(Path(folder), keep_versions=not is_first)
        clone.git.add("--all")
        if is_first or clone.index.diff("HEAD"):
            when = _FIRST_COMMIT if is_first else datetime.now(UTC)
            message = "Add the homelab example" if is_first else "Update the homelab example"
            clone.index.commit(message, author=_AUTHOR, committer=_AUTHOR, author_date=when, commit_date=when)
            clone.remote().push("main").raise_if_error()
    return bare


def _copy_example(folder: Path, keep_versions: bool) -> None:
    agents = [path.name for path in (EXAMPLE / "flux" / "ai").iterdir() if path.is_dir()]
    files = {agent: folder / model_version_path(agent) for agent in agents}
    versions = {agent: file.read_text() for agent, file in files.items() if keep_versions and file.exists()}
    for entry in folder.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    for agent, text in versions.items():
        files[agent].write_text(text)
        for manifest in (folder / agent_folder(agent) / "k8s").glob("*.yaml"):
            manifest.write_text(manifest.read_text().replace(f"{agent}:none", f"{agent}:{text.strip()}"))
