"""A pod of a Kubernetes manifest: its containers run by Docker, with what the manifest gives them and no more."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container
from docker.types import Mount
from kubernetes.utils.quantity import parse_quantity

from workflows.placement import read_image

WAIT_SECONDS = 120


@dataclass(frozen=True)
class Pod:
    """What a manifest says in `spec`, and what the cluster has beside it: ConfigMaps and Secrets by their names.

    A volume is a folder below `folder`, under the volume's name.
    """

    engine: docker.DockerClient
    spec: Mapping[str, Any]
    folder: Path
    config_maps: Mapping[str, Mapping[str, str]]
    secrets: Mapping[str, Mapping[str, str]]

    def __post_init__(self) -> None:
        for volume in self.spec["volumes"]:
            place = self.folder / volume["name"]
            place.mkdir()
            place.chmod(0o777)  # as Kubernetes gives an emptyDir
            if "configMap" in volume:
                for key, text in self.config_maps[volume["configMap"]["name"]].items():
                    (place / key).write_text(text)

    def container(self, name: str) -> Mapping[str, Any]:
        """Returns what the manifest says of a container, or of an init container."""
        return next(each for each in self._containers() if each["name"] == name)

    def run(self, name: str, **options: Any) -> tuple[int, str]:
        """Runs a container to its end and returns its exit code and its log."""
        with self.running(name, **options) as container:
            code = container.wait(timeout=WAIT_SECONDS)["StatusCode"]
            return int(code), container.logs().decode()

    @contextmanager
    def running(self, name: str, **options: Any) -> Iterator[Container]:
        """Yields a container that was started; options: of Docker, such as its network."""
        described = self.container(name)
        image = self.engine.images.get(_image(described))
        started = self.engine.containers.run(image, detach=True, **self._options(described), **options)
        try:
            yield started
        finally:
            started.remove(force=True, v=True)

    def _containers(self) -> list[Mapping[str, Any]]:
        return [*self.spec["initContainers"], *self.spec["containers"]]

    def _options(self, container: Mapping[str, Any]) -> dict[str, Any]:
        identity, locked = self.spec["securityContext"], container["securityContext"]
        return {
            "entrypoint": container["command"],
            "command": container.get("args", []),
            "environment": self._environment(container),
            "mounts": [self._mount(each) for each in container["volumeMounts"]],
            "user": f"{identity['runAsUser']}:{identity['runAsGroup']}",
            "read_only": locked["readOnlyRootFilesystem"],
            "cap_drop": locked["capabilities"]["drop"],
            "security_opt": [] if locked["allowPrivilegeEscalation"] else ["no-new-privileges"],
            "mem_limit": int(parse_quantity(container["resources"]["limits"]["memory"])),  # type: ignore[no-untyped-call]
        }

    def _environment(self, container: Mapping[str, Any]) -> dict[str, str]:
        known: dict[str, str] = {}
        for source in container.get("envFrom", []):
            known |= self.secrets[source["secretRef"]["name"]]
        return known | {each["name"]: each["value"] for each in container.get("env", [])}

    def _mount(self, mount: Mapping[str, Any]) -> Mount:
        source, read_only = str(self.folder / mount["name"]), mount.get("readOnly", False)
        return Mount(mount["mountPath"], source, type="bind", read_only=read_only)


def _image(container: Mapping[str, Any]) -> str:
    """Returns the image under test in the place of the one that the manifest names."""
    stage = container["image"].rpartition("/")[2].partition(":")[0]
    return read_image(stage).address
