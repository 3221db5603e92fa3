"""Tiny images put into a real registry over its API, without Docker."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import requests

OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker"
OCI_MANIFEST, OCI_INDEX = f"{OCI}.manifest.v1+json", f"{OCI}.index.v1+json"
DOCKER_MANIFEST = f"{DOCKER}.distribution.manifest.v2+json"
DOCKER_LIST = f"{DOCKER}.distribution.manifest.list.v2+json"
_CONFIGS = {OCI_MANIFEST: f"{OCI}.config.v1+json", DOCKER_MANIFEST: f"{DOCKER}.container.image.v1+json"}


def push_manifest(name: str, tag: str, labels: Mapping[str, str] | None, kind: str = OCI_MANIFEST) -> str:
    """Puts an image without layers there and returns its digest. name: host:port/path."""
    config = json.dumps({"os": "linux", "config": {"Labels": labels}}).encode()
    described = {"mediaType": _CONFIGS[kind], "size": len(config), "digest": _push_blob(name, config)}
    return _put(name, tag, kind, {"config": described, "layers": []})


def push_index(name: str, tag: str, digests: Mapping[str, str], kind: str = OCI_INDEX) -> str:
    """Puts an index of images by operating system there and returns its digest."""
    member = OCI_MANIFEST if kind == OCI_INDEX else DOCKER_MANIFEST
    platforms = [
        {
            "mediaType": member,
            "digest": digest,
            "size": len(requests.get(f"{_root(name)}/manifests/{digest}", headers={"Accept": member}).content),
            "platform": {"os": system, "architecture": "amd64" if system != "unknown" else system},
        }
        for system, digest in digests.items()
    ]
    return _put(name, tag, kind, {"manifests": platforms})


def _put(name: str, tag: str, kind: str, manifest: Mapping[str, Any]) -> str:
    body = json.dumps({"schemaVersion": 2, "mediaType": kind, **manifest}).encode()
    answer = requests.put(f"{_root(name)}/manifests/{tag}", data=body, headers={"Content-Type": kind})
    answer.raise_for_status()
    return answer.headers["Docker-Content-Digest"]


def _push_blob(name: str, content: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    begun = requests.post(f"{_root(name)}/blobs/uploads/")
    begun.raise_for_status()
    requests.put(begun.headers["Location"], params={"digest": digest}, data=content).raise_for_status()
    return digest


def _root(name: str) -> str:
    host, _, path = name.partition("/")
    return f"http://{host}/v2/{path}"
