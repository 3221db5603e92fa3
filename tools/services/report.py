"""What a person is told about the services, and the environment that leads a run to them."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from tools.services import places, servers
from tools.services.servers import Server

NO_S3 = (
    "No S3 server: neither `minio` nor Docker with its image is here, so models go to a folder. To have one, install "
    "MinIO (https://github.com/minio/minio), let MINIO name its program, and run `make services-up` again."
)


def write_environment(chosen: Mapping[str, Server]) -> None:
    """Writes the variables of the stages as shell assignments."""
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in environment(chosen).items()]
    places.ENVIRONMENT.write_text("".join(lines))


def environment(chosen: Mapping[str, Server]) -> dict[str, str]:
    """Returns the variables of the stages. Secrets are named by their files; what is empty hides a person's own."""
    known = {
        "MLFLOW_TRACKING_URI": chosen["mlflow"].address,
        "MLFLOW_TRACKING_USERNAME": "",
        "MLFLOW_TRACKING_PASSWORD": "",
        "MLFLOW_TRACKING_TOKEN": "",
        "GIT_TOKEN": "",
        "GIT_TOKEN_FILE": str(places.GIT_TOKEN),
    }
    if "s3" not in chosen:
        return known | {"STORE_URI": places.STORE.as_uri()}
    return known | {
        "STORE_URI": f"s3://{servers.BUCKET}",
        "S3_ENDPOINT": chosen["s3"].address,
        "AWS_ACCESS_KEY_ID": servers.S3_USER,
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SECRET_ACCESS_KEY_FILE": str(places.S3_PASSWORD),
        "AWS_REGION": servers.REGION,
    }


def written(chosen: Mapping[str, Server]) -> str:
    """Returns addresses, users, where the passwords lie, and the commands to run."""
    repository = f"{chosen['git'].address}/homelab.git"
    lines = ["", f"MLflow  {chosen['mlflow'].address}", "        the page for a browser; no password"]
    if "s3" in chosen:
        s3 = chosen["s3"]
        lines += [
            f"S3      {s3.address}, bucket {servers.BUCKET}",
            f"        user {servers.S3_USER}, password in {_shown(places.S3_PASSWORD)}",
            f"        MinIO's page for a browser: http://127.0.0.1:{s3.ports[1]}",
        ]
    else:
        lines += [f"Store   {_shown(places.STORE)}", f"        {NO_S3}"]
    lines += [
        f"Git     {repository}",
        f"        any user, the password is the token in {_shown(places.GIT_TOKEN)}",
        "",
        "They answer on this machine alone. To run against them, in this shell:",
        "",
        f"  set -a; source {shlex.quote(_shown(places.ENVIRONMENT))}; set +a",
        f"  make run GITOPS={repository}",
        "",
        f"`make services-down` stops them. Their data stay in {_shown(places.FOLDER)}.",
    ]
    return "\n".join(lines)


def _shown(path: Path) -> str:
    return str(path.relative_to(places.ROOT) if path.is_relative_to(places.ROOT) else path)
