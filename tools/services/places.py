"""Where the local services keep their data, their logs and their passwords."""

import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("AGENT_TRAINING_SERVICES") or ROOT / ".services").absolute()
LEDGER, LOCK = FOLDER / "processes.json", FOLDER / "lock"
ENVIRONMENT = FOLDER / "environment"
STORE = FOLDER / "store"  # where there is no S3 server
REPOSITORIES = FOLDER / "git"
GIT_TOKEN, S3_PASSWORD = FOLDER / "passwords" / "git-token", FOLDER / "passwords" / "s3-password"


def data(name: str) -> Path:
    """Returns the folder of a service's data, which it makes where it is missing."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def log(name: str) -> Path:
    """Returns the file of a service's log."""
    return data("logs") / f"{name}.log"


def password(file: Path) -> str:
    """Returns the password in file, made up where there is none yet; nobody else may read it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24) + "\n")
    return file.read_text().strip()
