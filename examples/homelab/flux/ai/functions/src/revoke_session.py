"""Ends the sessions of an account: the cluster's, or those of all systems."""

import subprocess


def handler(event):
    """End the sessions of an account."""
    scope = event["scope"]
    if scope not in ("cluster", "all"):
        return {"ok": False, "error": f"no such scope: {scope}"}
    done = subprocess.run(
        ["auditctl", "session", "revoke", event["user"], "--scope", scope], capture_output=True, text=True
    )
    return {"ok": done.returncode == 0, "output": done.stdout[-2000:], "error": done.stderr[-2000:]}
