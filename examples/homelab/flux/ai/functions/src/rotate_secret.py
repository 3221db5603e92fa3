"""Replaces a secret's value by a new one; the old one is valid for an hour."""

import subprocess


def handler(event):
    """Replace a secret's value by a new one."""
    name, namespace = event["name"], event["namespace"]
    done = subprocess.run(["auditctl", "secret", "rotate", name, "-n", namespace], capture_output=True, text=True)
    return {"ok": done.returncode == 0, "output": done.stdout[-2000:], "error": done.stderr[-2000:]}
