"""Stages whose work is to write known outputs: small programs, where the process back end looks for the real ones."""

import json
import sys
from pathlib import Path

from shared import contract

_SAMPLES = {int: "1", float: "0.5", bool: "true", str: "text"}
OUTPUTS: dict[str, dict[str, str]] = {
    "dataset": {"dataset": "rows", "source_commit": "0123", "rows": "16"},
    "convert": {"model": "base", "base_revision": ""},
    "train": {"model": "tuned", "adapters": "adapters", "metrics": "{}", "validation_loss": "0.5"},
    "evaluate": {"evaluation": "report", "accuracy": "0.9", "accuracy_before": "1e-05"},
    "register": {
        "approved": "false",
        "decision": "rejected: accuracy 0.70 is below 0.80",
        "model_version": "v20251224-01234567",
        "champion": "",
        "run_id": "ab12",
        "run_page": "https://mlflow.example.com/#/experiments/1/runs/ab12",
        "card": "---\nlibrary_name: mlx\n---\n# card\n",
    },
    "publish": {"outcome": "rejected: {{.inputs.x}} 'ü'", "model_uri": "", "model_page": "", "bump_commit": ""},
    "watch": {
        "retrain": "true",
        "reason": "accuracy today is 0.5, below 0.8",
        "cause": "0a1b",
        "champion_accuracy": "0.5",
        "unseen_alerts": "2",
    },
}
OUTPUTS |= {
    stage: {field.name: _SAMPLES.get(field.kind, "artefact") for field in contract.load(stage).outputs}
    for stage in contract.STAGES
    if stage not in OUTPUTS
}
_PROGRAM = """
import json, sys
from pathlib import Path
outputs = Path(sys.argv[-1].removeprefix("--outputs="))
outputs.with_name("arguments.json").write_text(json.dumps(sys.argv[3:-1]))
for name, text in json.loads(Path(__file__).with_name("outputs.json").read_text()).items():
    (outputs / name).write_text(text, "utf-8")
"""


def write_programs(tree: Path) -> Path:
    """Makes a tree in which each stage records its arguments and writes OUTPUTS; returns its folder of environments."""
    for stage, outputs in OUTPUTS.items():
        folder = tree / ".venvs" / stage / "bin"
        folder.mkdir(parents=True)
        (folder / "python").write_text(f"#!{sys.executable} -IS\n{_PROGRAM}")
        (folder / "python").chmod(0o755)
        write_outputs(tree, stage, outputs)
    return tree / ".venvs"


def write_outputs(tree: Path, stage: str, outputs: dict[str, str]) -> None:
    """Lets a stage write these outputs from now on."""
    (tree / ".venvs" / stage / "bin" / "outputs.json").write_text(json.dumps(outputs))


def arguments(run_folder: Path, stage: str) -> dict[str, str]:
    """Returns what the stage was given, by option."""
    given = json.loads((run_folder / stage / "arguments.json").read_text())
    return {name: value for name, _, value in (argument.partition("=") for argument in given)}
