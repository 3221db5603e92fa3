"""The smallest agent: Alertmanager's webhook comes in, calls of functions go out, and what is refused is told.

MODEL_FOLDER is the model's folder, MODEL_NAME its name in Ollama at OLLAMA_URL, and FUNCTIONS_URL the address of a
function, with {function} for its name.
"""

import asyncio
import json
import os
import urllib.request
from typing import Any
from urllib.parse import quote

import uvicorn
from agent_client import Agent, Decision, StageError, in_thread, ollama
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

MAX_BODY = 1 << 20
FUNCTIONS_URL = os.environ.get("FUNCTIONS_URL", "http://{function}.ai.svc.cluster.local")
AGENT = Agent.load(os.environ.get("MODEL_FOLDER", "/model"))
COMPLETE = in_thread(ollama(os.environ["MODEL_NAME"], os.environ.get("OLLAMA_URL", "http://127.0.0.1:11434")))
app = FastAPI()


def run(name: str, arguments: dict[str, Any]) -> str:
    """Calls a deployed function, and returns how that went."""
    url = FUNCTIONS_URL.replace("{function}", quote(name, safe=""))
    body, kind = json.dumps(arguments).encode(), {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, kind), timeout=60) as response:
            return f"answered {response.status}"
    except OSError as error:
        return f"failed: {error}"


def done(decision: Decision) -> dict[str, Any]:
    """Makes the call of a decision, if it is one, and returns what became of its alert."""
    told: dict[str, Any] = {"alert": decision.alert.labels.get("alertname", "") if decision.alert else "", "call": None}
    if call := decision.call:
        told |= {"call": call.name, "arguments": call.arguments, "outcome": run(call.name, call.arguments)}
    elif decision.refusal:
        told |= {"refused": decision.refusal.kind, "reason": decision.refusal.reason}
    print(json.dumps(told), flush=True)
    return told


async def notification(request: Request) -> Any:
    """Returns what was sent; ValueError where it is too long, or no JSON."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise ValueError(f"a notification has at most {MAX_BODY} bytes")
    return json.loads(body)


@app.post("/")
async def webhook(request: Request) -> JSONResponse:
    """Answers with what became of each alert; 400 to what is no notification, 503 where the model's server is down."""
    try:
        answer = await AGENT.aanswer(await notification(request), COMPLETE)
    except (ValueError, RecursionError, StageError) as error:
        return JSONResponse({"error": str(error)}, 400)
    told = [await asyncio.to_thread(done, decision) for decision in answer.decisions]
    # Alertmanager sends what gets 503 again: only where nothing was called, or it would be called twice.
    is_down = any(each.get("refused") == "server" for each in told) and not any(each["call"] for each in told)
    return JSONResponse(told, 503 if is_down else 200)


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")), access_log=False)
