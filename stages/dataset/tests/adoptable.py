"""A repository whose owner has functions, rules, pages and manifests, and knows nothing of training yet."""

from pathlib import Path

AGENT = "agent-harbor"
HOME = f"flux/ai/{AGENT}"
RULES = "flux/watch/rules/harbor.yaml"
BASE = f"{HOME}/k8s/kustomize/base/agent.yaml"
STUDIO = f"{HOME}/k8s/kustomize/studio/kustomization.yaml"


def _manifest(name: str, source: str) -> str:
    return f"""apiVersion: work.example.org/v1
kind: LambdaFunction
metadata:
  name: {name}
  namespace: ai
spec:
{source}
  resources: {{limits: {{cpu: 500m}}}}
"""


def _stored(name: str) -> str:
    return _manifest(name, f"  source: {{type: bucket, key: harbor/{name}/main.py}}")


def _inline(name: str, code: str) -> str:
    lines = "\n".join(f"        {line}".rstrip() for line in code.splitlines())
    return _manifest(name, f"  source:\n    inline:\n      code: |\n{lines}")


WORKER_RESTART = '''import subprocess


def handler(event):
    """
    Restart a worker or all workers of a deployment.

    Parameters:
    - name: Worker or deployment (required)
    - namespace: Namespace (required)
    - type: 'pod' or 'deployment' (default: pod)
    """
    name = event.get("name")
    namespace = event.get("namespace")
    kind = event.get("type", "pod")
    if not name or not namespace:
        return {"status": "error"}
    if kind == "deployment":
        done = subprocess.run(["kubectl", "rollout", "restart", f"deployment/{name}", "-n", namespace], text=True)
    else:
        done = subprocess.run(["kubectl", "delete", "pod", name, "-n", namespace], text=True)
    return {"status": done.returncode}
'''
WORKER_SCALE = '''import subprocess


def handler(event):
    """Set how many workers run.

    Args:
        name (str): Deployment
        namespace (str): Namespace
        replicas: Workers wanted
    """
    name, namespace = event["name"], event["namespace"]
    command = ["kubectl", "scale", "deployment", event["name"], "-n", event["namespace"]]
    command += ["--replicas", str(event["replicas"])]
    return subprocess.check_output(command)
'''
QUEUE_DRAIN = """import subprocess


def handler(event):
    queue = event.get("queue")
    return subprocess.run(["queuectl", "drain", queue], check=True)
"""
RELEASE_SYNC = '''import subprocess


def handler(event):
    """Install a release again."""
    name = event.get("name")
    namespace = event.get("namespace", "delivery")
    subprocess.Popen(["flux", "reconcile", "helmrelease", name, "-n", namespace])
'''
CERT_RENEW = '''from subprocess import run


def handler(event):
    """Renew a certificate."""
    run(["cmctl", "renew", event["certificate"], "-n", event["namespace"]])
'''
CACHE_FLUSH = """apiVersion: work.example.org/v1
kind: Remedy
metadata: {name: cache-flush}
spec:
  description: Empty a cache. Clients fill it again.
  parameters:
    - {name: cache, type: string, description: Cache, required: true}
    - {name: layers, type: array, description: Which layers}
    - {name: soft, type: boolean, default: true}
"""
VOLUME_REPORT = '''import subprocess


def handler(event):
    """Report how full a volume claim is."""
    subprocess.run(["kubectl", "describe", "pvc", event["name"], "-n", event["namespace"]])
'''
_RULE = """    - alert: {alert}
      expr: up == 0
      labels: {{severity: critical}}
      annotations:
        summary: "{{{{ $labels.{label} }}}} is in trouble"
        lambda_function: {function}
        lambda_parameters: '{parameters}'
"""
RULE_FILE = (
    "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  groups:\n  - name: g\n    rules:\n"
    + "".join(
        _RULE.format(alert=alert, label=label, function=function, parameters=parameters)
        for alert, label, function, parameters in (
            (
                "WorkerDown",
                "pod",
                "worker-restart",
                '{"name": "{{ $labels.pod }}", "namespace": "{{ $labels.namespace }}"}',
            ),
            (
                "ClaimFull",
                "persistentvolumeclaim",
                "volume-report",
                '{"name": "{{ $labels.persistentvolumeclaim }}", "namespace": "{{ $labels.namespace }}"}',
            ),
        )
    )
)


def _alert(name: str, command: str) -> str:
    return f"""### Alert: {name}

#### Symptoms

- Something about {name} is wrong.

## Resolution Steps

### Step 1

```bash
{command}
```

"""


RUNBOOK = "# Harbor\n\n" + "".join(
    _alert(name, command)
    for name, command in (
        ("CraneStuck", "kubectl rollout restart deployment/crane -n docks"),
        ("TugStuck", "kubectl rollout restart deployment/tug -n docks"),
        ("BuoyStuck", "kubectl delete pod buoy-0 -n sea"),
        ("CraneSlow", "kubectl scale deployment crane --replicas=4 -n docks"),
        ("ManifestsLate", "queuectl drain manifests"),
        ("LettersLate", "queuectl drain letters --now"),
        ("ReleaseFailed", "flux reconcile hr gateway -n delivery --force"),
        ("CertificateOld", "cmctl renew harbor-tls -n edge"),
        ("LighthouseDark", "lampctl relight north-pier"),
        ("BeaconDark", "lampctl relight south-pier"),
        ("CacheOld", "cachectl flush berths"),
        ("TideWrong", "kubectl get pods -n sea"),
    )
).replace("## Resolution", "#### Resolution").replace("### Step", "##### Step")
MANIFEST = f"""apiVersion: work.example.org/v1
kind: LambdaAgent
metadata: {{name: {AGENT}}}
spec:
  image: {{repository: "registry.example.org/{AGENT}", tag: v1.2.3}}
  ai:
    provider: ollama
    model: "{AGENT}:v20251224-abc12345"  # follows the training
  env:
    - name: MODEL_NAME
      value: "{AGENT}:v20251224-abc12345"
    - name: EMBEDDING
      value: other:1
"""
OVERLAY = f"""resources: [../base]
patches:
- target: {{kind: LambdaAgent, name: {AGENT}}}
  patch: |-
    - op: replace
      path: /spec/ai/model
      value: "{AGENT}:latest"
    - op: replace
      path: /spec/resources/limits/cpu
      value: "2"
"""
PLAIN_OVERLAY = "resources: [../base]\npatches:\n- patch: |-\n    - {op: replace, path: /spec/replicas, value: 2}\n"
FILES = {
    f"{HOME}/docs/RUNBOOK.md": RUNBOOK,
    f"{HOME}/k8s/functions/worker-restart.yaml": _stored("worker-restart"),
    f"{HOME}/k8s/functions/src/worker-restart/main.py": WORKER_RESTART,
    f"{HOME}/k8s/functions/worker-scale.yaml": _inline("worker-scale", WORKER_SCALE),
    f"{HOME}/k8s/functions/queue-drain.yaml": _stored("queue-drain"),
    f"{HOME}/k8s/functions/src/queue_drain.py": QUEUE_DRAIN,
    f"{HOME}/k8s/functions/release-sync.yaml": _stored("release-sync"),
    f"{HOME}/k8s/functions/src/release-sync/main.py": RELEASE_SYNC,
    f"{HOME}/k8s/functions/src/cert-renew/main.py": CERT_RENEW,
    f"{HOME}/k8s/functions/cache-flush.yaml": CACHE_FLUSH,
    f"{HOME}/k8s/functions/src/volume-report.py": VOLUME_REPORT,
    BASE: MANIFEST,
    f"{HOME}/k8s/kustomize/base/kustomization.yaml": "resources: [agent.yaml]\n",
    f"{HOME}/k8s/kustomize/dev/kustomization.yaml": PLAIN_OVERLAY,
    STUDIO: OVERLAY,
    RULES: RULE_FILE,
}


def make_adoptable(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Writes the files, those above where none are given, and returns the folder."""
    for name, text in (FILES if files is None else files).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder
