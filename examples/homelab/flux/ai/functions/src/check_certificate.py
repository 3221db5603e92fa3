"""Tells what a certificate is waiting for: its issuer, an order or a challenge."""

import subprocess


def handler(event):
    """Report what a certificate is waiting for."""
    name = event.get("name")
    namespace = event.get("namespace")
    if not name or not namespace:
        return {"ok": False, "error": "name and namespace are needed"}
    done = subprocess.run(["cmctl", "status", "certificate", name, "-n", namespace], capture_output=True, text=True)
    return {"ok": done.returncode == 0, "output": done.stdout[-4000:]}
