"""The smallest agent: Alertmanager's webhook comes in, calls of functions go out, and what is refused is told.

It needs agent-training-client alone. MODEL_FOLDER is the model's folder, MODEL_NAME its name in Ollama at OLLAMA_URL,
and FUNCTIONS_URL the address of a function, with {function} for its name.
"""

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from agent_client import Agent, Answer, StageError, ollama

MAX_BODY = 1 << 20
FUNCTIONS_URL = os.environ.get("FUNCTIONS_URL", "http://{function}.ai.svc.cluster.local")
AGENT = Agent.load(os.environ.get("MODEL_FOLDER", "/model"))
COMPLETE = ollama(os.environ["MODEL_NAME"], os.environ.get("OLLAMA_URL", "http://127.0.0.1:11434"))


def run(name: str, arguments: dict[str, Any]) -> str:
    """Calls a deployed function, and returns how that went."""
    url = FUNCTIONS_URL.replace("{function}", quote(name, safe=""))
    body, kind = json.dumps(arguments).encode(), {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, kind), timeout=60) as response:
            return f"answered {response.status}"
    except OSError as error:
        return f"failed: {error}"


def done(answer: Answer) -> list[dict[str, Any]]:
    """Makes the calls of an answer, and returns what became of each alert."""
    told: list[dict[str, Any]] = []
    for decision in answer.decisions:
        alert = decision.alert.labels.get("alertname", "") if decision.alert else ""
        outcome: dict[str, Any] = {"call": None}
        if call := decision.call:
            outcome = {"call": call.name, "arguments": call.arguments, "outcome": run(call.name, call.arguments)}
        elif decision.refusal:
            outcome = {"refused": decision.refusal.kind, "reason": decision.refusal.reason}
        told.append({"alert": alert, **outcome})
        print(json.dumps(told[-1]), flush=True)
    return told


class Webhook(BaseHTTPRequestHandler):
    """Takes a notification by POST, and answers with what became of its alerts."""

    def do_POST(self) -> None:
        """Answers 400 to what is no notification; Alertmanager sends what gets 503 again."""
        try:
            length = int(self.headers.get("Content-Length", ""))
            if not 0 <= length <= MAX_BODY:
                raise ValueError(f"a notification has at most {MAX_BODY} bytes")
            told = done(AGENT.answer(json.loads(self.rfile.read(length)), COMPLETE))
        except (ValueError, RecursionError, StageError) as error:
            return self.reply(400, {"error": str(error)})
        # Only where nothing was called: what is sent again would be called again.
        is_down = any(each.get("refused") == "server" for each in told) and not any(each.get("call") for each in told)
        return self.reply(503 if is_down else 200, told)

    def reply(self, status: int, content: Any) -> None:
        """Sends JSON."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Webhook)
    print(f"listening on port {server.server_address[1]}", file=sys.stderr, flush=True)
    server.serve_forever()
