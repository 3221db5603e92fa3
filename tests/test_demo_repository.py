"""The example's repository is brought up to date, and what was published stays."""

from pathlib import Path

from git import Repo

from workflows.local.demo import demo_repository

VERSION = "v20251224-abc12345"
FOLDER = "flux/ai/agent-sre"


def test_a_second_run_leaves_what_was_published(tmp_path: Path) -> None:
    bare = demo_repository(tmp_path / "gitops.git")
    with Repo.clone_from(bare, tmp_path / "work") as work:
        folder = tmp_path / "work" / FOLDER
        manifest = folder / "k8s/lambdaagent.yaml"
        published = manifest.read_text().replace("agent-sre:none", f"agent-sre:{VERSION}")
        (folder / "MODEL_VERSION").write_text(f"{VERSION}\n")
        manifest.write_text(published)
        work.git.add("--all")
        work.git.execute(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "Bump"])
        work.remote().push("main").raise_if_error()
        tip = work.head.commit
    demo_repository(bare)
    with Repo(bare) as repo:
        assert repo.commit("main") == tip
