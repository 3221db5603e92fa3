"""The shape of the project: what every stage has, and who may import whom."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from shared import contract
from tools.tables import contracts
from tools.tables import modules as module_table

ROOT = Path(__file__).parents[1]
FILES = ("contract.py", "main.py", "pyproject.toml", "requirements.lock", "Dockerfile", "README.md", "CHANGELOG.md")
ORCHESTRATORS = {"flytekit", "flytekitplugins", "docker", "workflows", "tests", "tools"}
KINDS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
OURS = ("runner", "shared", "stages", "workflows", "tools", "tests")
FOLDERS = (*OURS, "examples", "benchmarks")
# A folder that may hold more than 16 files, with the reason: there is none.
MOST_FILES: dict[str, int] = {}
LOCKS = [
    *ROOT.glob("stages/*/requirements*.lock"),
    *(ROOT / folder / "requirements.lock" for folder in (".", "runner", "tests")),
]


def is_test(path: Path) -> bool:
    return "tests" in path.relative_to(ROOT).parts


def modules(folder: str, with_tests: bool = False) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if with_tests or not is_test(path))


def imported(path: Path) -> Iterator[str]:
    """Yields the dotted names that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def foreign(path: Path, allowed: tuple[str, ...]) -> list[str]:
    """Returns the imports that are neither of the standard library nor below one of the allowed packages."""
    return [
        name
        for name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names and not f"{name}.".startswith(allowed)
    ]


@pytest.mark.parametrize("stage", contract.STAGES)
def test_every_stage_has_the_same_files(stage: str) -> None:
    folder = ROOT / "stages" / stage
    assert [name for name in FILES if not (folder / name).is_file()] == []
    assert list((folder / "tests").glob(f"test_{stage}*.py")) != []


def test_there_is_no_stage_beside_the_contract_s_list() -> None:
    assert {path.parent.name for path in ROOT.glob("stages/*/contract.py")} == set(contract.STAGES)


@pytest.mark.parametrize("stage", contract.STAGES)
def test_the_changelog_names_the_version(stage: str) -> None:
    folder = ROOT / "stages" / stage
    version = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\n## {version}\n" in (folder / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("stage", contract.STAGES)
def test_a_contract_needs_the_standard_library_and_shared_alone(stage: str) -> None:
    assert foreign(ROOT / "stages" / stage / "contract.py", ("shared.",)) == []


@pytest.mark.parametrize(("program", "stage"), contract.PROGRAMS.items())
def test_what_runs_beside_a_stage_has_a_contract_that_knows_the_stage_s_alone(program: str, stage: str) -> None:
    folder = ROOT / "stages" / stage / program
    assert [name for name in ("contract.py", "main.py", "README.md") if not (folder / name).is_file()] == []
    assert foreign(folder / "contract.py", ("shared.", f"stages.{stage}.contract.")) == []


@pytest.mark.parametrize("stage", contract.STAGES)
def test_the_engine_s_inputs_are_inputs(stage: str) -> None:
    declared = contract.load(stage)
    known = {field.name for field in declared.runtime}
    assert known == set(sys.modules[declared.input_class.__module__].RUNTIME)
    assert all(not field.is_required for field in declared.runtime)


def test_shared_needs_the_standard_library_alone() -> None:
    assert {path.name: foreign(path, ("shared.",)) for path in modules("shared") if foreign(path, ("shared.",))} == {}


def test_the_runner_knows_shared_and_itself_alone() -> None:
    for path in modules("runner"):
        assert {name.split(".")[0] for name in imported(path)} & {*ORCHESTRATORS, "stages"} == set(), path


@pytest.mark.parametrize("stage", contract.STAGES)
def test_a_stage_knows_neither_another_stage_nor_an_orchestrator(stage: str) -> None:
    for path in modules(f"stages/{stage}"):
        for name in imported(path):
            assert name.split(".")[0] not in ORCHESTRATORS, path
            assert not name.startswith("stages.") or f"{name}.".startswith(f"stages.{stage}."), path


def dockerfile(stage: str) -> str:
    """Returns a stage's Dockerfile without its name and without what it says the reason for: git, a BLAS, a variant."""
    text = (ROOT / "stages" / stage / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^# Which lock.*\nARG LOCK=(.*)\nCOPY (.*)/\$\{LOCK\} /\1\n", r"COPY \2/\1 /\n", text, flags=re.M)
    text = re.sub(r"^# The lock of a variant.*\nRUN rm .*\n", "", text, flags=re.M)
    for start in (f"# {stage} runs git.", "# mlx finds a fast BLAS"):
        text = re.sub(rf"^{start}.*\n(?:#.*\n)*(?:(?:COPY shared/engine|RUN).*\n(?: .*\n)*)+", "", text, flags=re.M)
    text = re.sub(r"^# publish renders.*\n|^.*(?i:kustomize).*\n", "", text, flags=re.M)
    return text.replace(stage, "<stage>")


def test_the_dockerfiles_have_one_shape() -> None:
    shapes = {stage: dockerfile(stage) for stage in contract.STAGES}
    assert {stage: shape for stage, shape in shapes.items() if shape != shapes["convert"]} == {}


@pytest.mark.parametrize("stage", contract.STAGES)
def test_an_image_installs_locked_libraries_and_runs_unprivileged(stage: str) -> None:
    text = (ROOT / "stages" / stage / "Dockerfile").read_text("utf-8")
    assert "ARG BASE_IMAGE=python:3.11-slim-bookworm\n" in text
    assert "--require-hashes --requirement /requirements.lock" in text
    assert "\nUSER 65532:65532\n" in text
    assert text.endswith(f'\nENTRYPOINT ["/opt/venv/bin/python", "-m", "stages.{stage}.main"]\n')


def test_no_module_is_named_for_its_kind() -> None:
    assert [path for folder in OURS for path in modules(folder, with_tests=True) if path.stem in KINDS] == []


def graph() -> dict[str, set[str]]:
    """Returns the modules of the project by name, each with those that it imports, wherever in it."""
    paths = [path for folder in FOLDERS for path in modules(folder, with_tests=True)]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    known = {name: set(imported(path)) for name, path in named.items()}
    return {
        name: {found for found in named if found != name and found in {*taken, *(t.rpartition(".")[0] for t in taken)}}
        for name, taken in known.items()
    }


def test_no_modules_import_each_other() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


def test_a_circle_would_be_seen() -> None:
    known = graph()
    assert "shared.errors" in known["shared.contract"] and "stages.train.main" in known
    with pytest.raises(CycleError):
        TopologicalSorter(known | {"shared.errors": {"shared.contract"}}).prepare()


OWN = rf"(?:{'|'.join(OURS)})(?:\\.\\w+)*"


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or any(path.glob("*.py"))


def test_programs_in_texts_import_modules_that_are_there() -> None:
    """What stands in a string, a script or a page is no import to the tools that check imports."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if not name.endswith((".py", ".md", ".yml", ".sh", "Makefile", ".ci/run")):
            continue
        text = (ROOT / name).read_text("utf-8")
        for package, first in re.findall(rf"\bfrom ({OWN}) import \(?\s*(\w+)", text):
            assert is_module(package), f"{name}: from {package} import {first}"
            path = ROOT / package.replace(".", "/")
            assert path.with_suffix(".py").is_file() or is_module(f"{package}.{first}"), f"{name}: {package}.{first}"
        for module in re.findall(rf"-m ({OWN})(?![\\w.$<{{*])", text):
            assert is_module(module) or module.startswith("stages.export"), f"{name}: -m {module}"


def test_a_room_holds_no_more_files_than_a_person_can_see_at_once() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = Counter(path.parent.as_posix() for path in map(Path, listed.splitlines()) if "tests" not in path.parts)
    assert {folder: count for folder, count in files.items() if count > MOST_FILES.get(folder, 16)} == {}


def test_packages_have_no_init_module() -> None:
    assert [path for folder in OURS for path in modules(folder, with_tests=True) if path.stem == "__init__"] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: f"{lock.parent.name}/{lock.name}")
def test_a_lock_holds_a_hash_of_everything_and_no_address(lock: Path) -> None:
    text = lock.read_text("utf-8")
    requirements = re.findall(r"^\S.*(?:\n .*)*", re.sub(r"^ *#.*\n?", "", text, flags=re.M), flags=re.M)
    assert requirements
    assert [entry for entry in requirements if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert not re.search(r"https?://|^--?[a-z]", text, flags=re.M)


def packages(lock: str) -> dict[str, str]:
    """Returns the versions that a lock of train holds; one that depends on Python's is the last."""
    text = (ROOT / "stages/train" / lock).read_text("utf-8")
    return dict(re.findall(r"^([\w-]+)==([^ ]+)", text, flags=re.M))


def test_train_s_variant_differs_by_mlx_s_back_end_alone() -> None:
    plain, cuda = packages("requirements.lock"), packages("requirements.cuda.lock")
    assert plain.keys() - cuda.keys() == {"mlx-cpu"}
    added = cuda.keys() - plain.keys()
    assert "mlx-cuda-12" in added and {name for name in added if not name.startswith("nvidia-")} == {"mlx-cuda-12"}
    assert {name: version for name, version in cuda.items() if plain.get(name, version) != version} == {}
    assert cuda["mlx-cuda-12"] == cuda["mlx"]


def pages() -> list[Path]:
    """Returns the Markdown pages of the project, but for what agents' people have written as examples."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if not name.endswith(("RUNBOOK.md", "CHANGELOG.md"))]


def anchors(page: Path) -> set[str]:
    """Returns what a link can lead to in a page: its headings as GitHub names them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^(```+).*?^\1", "", page.read_text("utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        assert not anchor or anchor in anchors(target), f"{link} names a heading that is not there"


def test_every_command_of_make_that_a_page_names_is_one() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    known = set(re.findall(r"^([a-z][\w-]*)(?=.*:)", makefile, flags=re.M)) | {"services-up", "services-down"}
    for kind in ("image", "push", "pull", "pin", "release", "test"):
        known |= {f"{kind}-{stage}" for stage in (*contract.STAGES, "export")}  # which CONTRIBUTING.md makes
    for page in pages():
        for line in re.findall(r"(?:^|`)make ([^`\n#|]+)", page.read_text("utf-8"), flags=re.M):
            targets = [word for word in line.split() if re.fullmatch(r"[a-z][a-z0-9-]*", word)]
            assert not targets or targets[0] in known, f"{page.relative_to(ROOT)}: make {line}"


def test_the_way_in_is_short_and_has_two_pictures() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 180
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) == 2
    assert all((ROOT / picture).stat().st_size <= 200_000 for picture in pictures)


def test_the_contract_tables_are_current() -> None:
    assert contracts.BLOCK.stale(contracts.contents()) == []


def test_the_module_tables_are_current() -> None:
    assert module_table.BLOCK.stale(module_table.contents()) == []


def test_a_table_shows_every_field_once_and_breaks_no_markdown() -> None:
    text = f"# x\n\n{contracts.BLOCK.begin}\nearlier table\n{contracts.BLOCK.end}\n\nrest\n"
    for stage in contract.STAGES:
        declared = contract.load(stage)
        written = contracts.BLOCK.filled(text, contracts.table(declared))
        rows = [line for line in written.splitlines() if line.startswith("| `")]
        assert len(rows) == len([*declared.inputs, *declared.runtime, *declared.outputs, *declared.environment])
        assert written.startswith("# x\n\n") and written.endswith("\n\nrest\n") and "earlier table" not in written
        assert "<" not in "".join(rows)
        assert contracts.BLOCK.filled(written, contracts.table(declared)) == written
