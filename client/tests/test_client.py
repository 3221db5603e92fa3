"""The installed package alone: no repository, no other package. Runs under `python -m unittest`, and under pytest."""

import asyncio
import json
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import agent_client
from agent_client import Agent, Call, CompletionError, StageError, in_thread, ollama, openai_completions

try:
    from hostile import call, hostile_answers, text
except ImportError:  # pytest, from the repository's root
    from client.tests.hostile import call, hostile_answers, text

MODEL = Path(__file__).parent / "model"
ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {
        "alertname": "PodDown",
        "pod": "shop-0",
        "namespace": "web",
        "app": "shop",
        "shard": "7",
        "node": "node-1",
    },
    "annotations": {"summary": "Pod shop-0 is down"},
}
GOOD = call("pod_restart", f"{{name:{text('shop-0')},namespace:{text('web')},kind:{text('pod')}}}")
RESTART = Call("pod-restart", {"name": "shop-0", "namespace": "web", "type": "pod"})


class AnswersTest(unittest.TestCase):
    """What leaves the client as a call, and what does not."""

    agent: ClassVar[Agent] = Agent.load(MODEL)

    def test_a_good_answer_is_a_call_in_the_agent_s_names(self) -> None:
        answer = self.agent.answer({"alerts": [ALERT]}, lambda prompt: GOOD)
        self.assertEqual([decision.call for decision in answer.calls], [RESTART])
        self.assertEqual(answer.refusals, ())

    def test_no_hostile_answer_leaves_as_a_call(self) -> None:
        answers = list(hostile_answers())
        self.assertGreater(len({said for _, said in answers}), 400)
        for what, said in answers:
            with self.subTest(what=what, said=said[:200]):
                answer = self.agent.answer(ALERT, lambda prompt, said=said: said)
                self.assertEqual(answer.calls, ())
                for decision in answer.refusals:
                    assert decision.refusal
                    self.assertTrue(decision.refusal.reason)
                    self.assertNotIn("\n", decision.refusal.reason)

    def test_nor_does_a_dangerous_function_for_an_alert_of_another_name(self) -> None:
        drain = call("node_drain", f"{{node:{text('node-1')}}}")
        for name in ("PodDown", "", None, "nodenotready", "NodeNotReady2", "NоdeNotReady", "Node NotReady"):
            labels = {**ALERT["labels"], "alertname": name}
            with self.subTest(name=name):
                (refused,) = self.agent.answer({"labels": labels}, lambda prompt: drain).refusals
                assert refused.refusal
                self.assertEqual(refused.refusal.kind, "dangerous")
        named = {"labels": {**ALERT["labels"], "alertname": "NodeNotReady"}}
        self.assertEqual(len(self.agent.answer(named, lambda prompt: drain).calls), 1)

    def test_what_the_runbook_makes_of_labels_is_grounded(self) -> None:
        said = GOOD.replace("shop-0", "shop-7").replace("web", "flagger-system")
        (called,) = self.agent.answer(ALERT, lambda prompt: said).calls
        assert called.call
        self.assertEqual(called.call.arguments, {"name": "shop-7", "namespace": "flagger-system", "type": "pod"})

    def test_each_firing_alert_is_asked_once_and_a_resolved_one_not(self) -> None:
        prompts: list[str] = []
        other = {"labels": {**ALERT["labels"], "pod": "shop-1"}}
        self.agent.answer(
            {"alerts": [{**ALERT, "status": "resolved"}, ALERT, other, ALERT]},
            lambda prompt: prompts.append(prompt) or "No call is due.",
        )
        self.assertEqual(len(prompts), 2)
        self.assertTrue(all(prompt.startswith("<bos><start_of_turn>developer\n") for prompt in prompts))

    def test_a_coroutine_answers_the_same(self) -> None:
        answer = asyncio.run(self.agent.aanswer(ALERT, in_thread(lambda prompt: GOOD)))
        self.assertEqual(answer, self.agent.answer(ALERT, lambda prompt: GOOD))

    def test_counters_are_told(self) -> None:
        told: list[str] = []
        agent = Agent.load(MODEL / "prompt.json", lambda name, value, attributes: told.append(name))
        agent.answer(ALERT, lambda prompt: GOOD)
        self.assertEqual(told, ["gen_ai.client.operation.duration", "agent_model.decisions"])

    def test_everything_comes_from_the_package_itself(self) -> None:
        for name in agent_client.__all__:
            module = getattr(getattr(agent_client, name), "__module__", "agent_client")
            self.assertTrue(module.startswith(("agent_client", "shared", "collections.abc", "typing")), name)


class Server(BaseHTTPRequestHandler):
    """Answers as `reply` says, and keeps what it was sent."""

    reply: ClassVar[tuple[int, bytes]] = (200, b"")
    sent: ClassVar[list[tuple[str, dict[str, Any], str]]] = []
    drips: ClassVar[bool] = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Server.sent.append((self.path, body, self.headers.get("Authorization", "")))
        status, content = Server.reply
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if status in (301, 302, 307, 308):
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        for start in range(0, len(content), 1 if Server.drips else len(content) or 1):
            try:
                self.wfile.write(content[start : start + 1] if Server.drips else content)
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05 if Server.drips else 0)

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


class ServersTest(unittest.TestCase):
    """The ready ones, against a real HTTP server."""

    def setUp(self) -> None:
        Server.sent.clear()
        Server.drips = False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def tearDown(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def test_ollama_is_asked_raw_and_without_a_second_bos(self) -> None:
        Server.reply = (200, json.dumps({"response": GOOD}).encode())
        answer = Agent.load(MODEL).answer(ALERT, ollama("agent-sre:v1", self.url))
        self.assertEqual([decision.call for decision in answer.calls], [RESTART])
        ((path, body, _),) = Server.sent
        self.assertEqual(path, "/api/generate")
        self.assertTrue(body.pop("prompt").startswith("<start_of_turn>developer\n"))
        stop = ["<eos>", "<start_function_response>", "<end_of_turn>"]
        options = {"temperature": 0, "num_predict": 256, "num_ctx": 4096, "stop": stop}
        known = {"model": "agent-sre:v1", "raw": True, "stream": False, "truncate": False, "shift": False}
        self.assertEqual(body, {**known, "options": options})

    def test_a_proxy_s_token_is_sent_to_ollama(self) -> None:
        Server.reply = (200, json.dumps({"response": GOOD}).encode())
        self.assertEqual(ollama("m", self.url, token="t")("a"), GOOD)
        ((_, _, key),) = Server.sent
        self.assertEqual(key, "Bearer t")

    def test_so_is_a_server_of_openai_s_completions(self) -> None:
        Server.reply = (200, json.dumps({"choices": [{"text": GOOD}]}).encode())
        complete = openai_completions("m", f"{self.url}/v1/", api_key="k", adds_bos=False, extra={"n": 1})
        self.assertEqual(complete("<bos>a"), GOOD)
        ((path, body, key),) = Server.sent
        self.assertEqual((path, key, body["prompt"], body["n"]), ("/v1/completions", "Bearer k", "<bos>a", 1))
        self.assertEqual((body["temperature"], body["skip_special_tokens"]), (0, False))

    def test_what_is_no_completion_is_told(self) -> None:
        for status, content, says in (
            (200, b"", "answered no completion: nothing"),
            (200, b"\xff<html>", "answered no completion: \ufffd<html>"),
            (200, b'{"error": "x"}', 'answered no completion: {"error": "x"}'),
            (200, b'{"choices": []}', 'answered no completion: {"choices": []}'),
            (200, b'{"choices": [{"text": null}]}', "answered no completion"),
            (200, b"[" * 100_000, "answered no completion"),
            (200, b" " * (1 << 20) + b" ", "answered more than 1048576 bytes"),
            (404, b'{"error":"model not found"}', 'answered 404: {"error":"model not found"}'),
            (302, b"", "answered 302: nothing"),
            (500, b"\x1b[2J\n::error::", "answered 500: [2J ::error::"),
        ):
            Server.reply = (status, content)
            with self.subTest(says=says), self.assertRaises(CompletionError) as refused:
                openai_completions("m", self.url, timeout=5)("a")
            self.assertIn(f"{self.url}/completions {says}", str(refused.exception))

    def test_a_server_that_drips_is_cut_off(self) -> None:
        Server.reply, Server.drips = (200, b"x" * 200), True
        started = time.monotonic()
        with self.assertRaisesRegex(CompletionError, "gave no answer within 0.3 seconds"):
            ollama("m", self.url, timeout=0.3)("a")
        self.assertLess(time.monotonic() - started, 3)

    def test_where_nobody_answers_the_alert_is_refused_and_no_secret_is_told(self) -> None:
        (refused,) = Agent.load(MODEL).answer(ALERT, ollama("m", "http://me:secret@127.0.0.1:1")).refusals
        assert refused.refusal
        self.assertEqual(refused.refusal.kind, "server")
        self.assertTrue(refused.refusal.reason.startswith("http://127.0.0.1:1/api/generate cannot be asked: "))

    def test_an_address_of_another_kind_is_refused(self) -> None:
        for url in ("file:///etc/passwd", "ftp://host", "host:11434", ""):
            with self.subTest(url=url), self.assertRaises(StageError):
                ollama("m", url)


if __name__ == "__main__":
    unittest.main()
