"""A world as it was between register and publish, to come back to after each death of publish."""

import subprocess
from dataclasses import dataclass

from tests.survival.mlflow_rest import ask, send
from tests.survival.world import World, s3_client


@dataclass(frozen=True)
class Checkpoint:
    """Main's commit, the store's objects, and the aliases and status tags of MLflow's versions, by number."""

    world: World
    commit: str
    objects: frozenset[str]
    aliases: dict[str, str]
    statuses: dict[str, str]

    @classmethod
    def of(cls, world: World) -> "Checkpoint":
        """Returns what there is now."""
        reader = world.reader()
        statuses = {version["number"]: version["status"] for version in reader.versions()}
        commit = _git(world, "rev-parse", "main")
        return cls(world, commit, frozenset(reader.objects()), _aliases(world), statuses)

    def restore(self) -> None:
        """Makes everything what it was."""
        _git(self.world, "update-ref", "refs/heads/main", self.commit)
        reader, client = self.world.reader(), s3_client(self.world.servers.s3)
        for key in reader.objects().keys() - self.objects:
            client.remove_object(reader.bucket, f"{reader.prefix}/{key}")
        server, model = self.world.servers.mlflow, {"name": _model(self.world)}
        for alias in _aliases(self.world).keys() - self.aliases.keys():
            send(server, "DELETE", "registered-models/alias", model | {"alias": alias})
        for alias, number in self.aliases.items():
            send(server, "POST", "registered-models/alias", model | {"alias": alias, "version": number})
        for number, status in self.statuses.items():
            tag = {"version": number, "key": "status", "value": status}
            send(server, "POST", "model-versions/set-tag", model | tag)


def _model(world: World) -> str:
    return f"{world.agent}-functiongemma"


def _aliases(world: World) -> dict[str, str]:
    model = ask(world.servers.mlflow, f"registered-models/get?name={_model(world)}")["registered_model"]
    return {entry["alias"]: str(entry["version"]) for entry in model.get("aliases", [])}


def _git(world: World, *arguments: str) -> str:
    command = ["git", "-C", str(world.repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
