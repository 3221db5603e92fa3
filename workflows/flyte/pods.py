"""A stage's pod: which node, which user, which resources, and which variables, as Kubernetes is told.

A PodTemplate, because flytekitplugins-pod knows Python tasks alone, which it now leaves to PodTemplate, too.
"""

import dataclasses

from flytekit import PodTemplate
from kubernetes.client import (
    V1Capabilities,
    V1Container,
    V1EmptyDirVolumeSource,
    V1EnvVar,
    V1EnvVarSource,
    V1ObjectFieldSelector,
    V1PodSecurityContext,
    V1PodSpec,
    V1ResourceRequirements,
    V1SeccompProfile,
    V1SecurityContext,
    V1Toleration,
    V1Volume,
    V1VolumeMount,
)

from shared.contract import Contract
from shared.runner.settings import DEFAULT_URL
from shared.runner.settings import VARIABLES as RUNNER
from workflows.flyte import variables
from workflows.placement import HOST_IP, Placement, Profile

CONTAINER = "primary"
USER = 65532  # the images' own
LABELS = {"app.kubernetes.io/part-of": "agent-training"}
STAGE_LABEL = "agent-training/stage"  # costs are told apart by it
TEMPORARY = "/tmp"


def pod_template(declared: Contract, placement: Placement) -> PodTemplate:
    """Returns the pod of a stage, but for image and arguments, which the task adds.

    Resources are given here and not to the task, whose own would replace these as a whole.
    """
    declared = _as_placed(declared, placement.profile)
    volumes, mounts = _volumes(declared, placement)
    container = V1Container(
        name=CONTAINER,
        env=[*_runner(placement.profile), *variables.environment(declared)],
        resources=V1ResourceRequirements(requests=placement.requests(), limits=placement.limits()),
        security_context=_container_security(),
        termination_message_policy="FallbackToLogsOnError",  # a stage that is killed has written no reason
        volume_mounts=mounts,
    )
    spec = V1PodSpec(
        containers=[container],
        volumes=volumes,
        node_selector=placement.profile.node_selector or None,
        tolerations=_tolerations(placement.profile) or None,
        security_context=_pod_security(),
        automount_service_account_token=False,
    )
    return PodTemplate(spec, CONTAINER, labels={**LABELS, STAGE_LABEL: declared.stage})


def _tolerations(profile: Profile) -> list[V1Toleration]:
    return [
        V1Toleration(
            key=each.get("key"), operator=each.get("operator"), value=each.get("value"), effect=each.get("effect")
        )
        for each in profile.tolerations
    ]


def _as_placed(declared: Contract, profile: Profile) -> Contract:
    """Returns the contract without a runner's variables where the profile has none: the ConfigMap is every stage's."""
    if profile.runner_url:
        return declared
    own = tuple(variable for variable in declared.environment if variable not in RUNNER)
    return dataclasses.replace(declared, environment=own)


def _runner(profile: Profile) -> list[V1EnvVar]:
    """Returns where the runner is if no ConfigMap says it. HOST_IP stands first, since only then it is filled in."""
    if not profile.runner_url:
        return []
    address = V1EnvVarSource(field_ref=V1ObjectFieldSelector(field_path="status.hostIP"))
    node = [V1EnvVar(name="HOST_IP", value_from=address)] if HOST_IP in profile.runner_url else []
    return [*node, V1EnvVar(name=DEFAULT_URL.name, value=profile.runner_url)]


def _volumes(declared: Contract, placement: Placement) -> tuple[list[V1Volume], list[V1VolumeMount]]:
    temporary = V1EmptyDirVolumeSource(size_limit=placement.ephemeral_storage)
    volumes = [V1Volume(name="temporary", empty_dir=temporary)]
    mounts = [V1VolumeMount(name="temporary", mount_path=TEMPORARY)]
    if secrets := variables.mounted_secrets(declared):
        volumes.append(V1Volume(name="secrets", projected=secrets))
        mounts.append(V1VolumeMount(name="secrets", mount_path=variables.FOLDER, read_only=True))
    return volumes, mounts


def _pod_security() -> V1PodSecurityContext:
    """Returns what holds for flytecopilot's containers, too: by itself they would run as root."""
    return V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=USER,
        run_as_group=USER,
        fs_group=USER,
        seccomp_profile=V1SeccompProfile(type="RuntimeDefault"),
    )


def _container_security() -> V1SecurityContext:
    return V1SecurityContext(
        allow_privilege_escalation=False,
        capabilities=V1Capabilities(drop=["ALL"]),
        read_only_root_filesystem=True,
        run_as_non_root=True,
    )
