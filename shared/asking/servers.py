"""Asks common servers to go on from a prompt: Ollama, and whatever has OpenAI's completions.

A prompt is sent as a text, never as a chat, which the server would render by its own template. It begins with `<bos>`,
which all servers named here put before a prompt themselves: it is left out, for two of them would be another prompt.
"""

import asyncio
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from shared.asking.agent import Complete, CompletionError
from shared.errors import StageError, one_line
from shared.function_call import STOP_TOKENS

BOS = "<bos>"
MAX_BYTES = 1 << 20
"""How much of a server's answer is read."""


def ollama(
    model: str,
    url: str = "http://127.0.0.1:11434",
    *,
    timeout: float = 30,
    max_tokens: int = 256,
    context: int = 4096,
    adds_bos: bool = True,
    token: str = "",
) -> Complete:
    """Returns what asks a model of Ollama, with `raw`. context: tokens of prompt and answer that it makes room for.

    timeout: seconds for one whole answer. adds_bos: whether the server puts `<bos>` before a prompt. token: what a
    proxy before the server wants as `Authorization: Bearer`. A prompt longer than context is a CompletionError where
    the server knows `truncate` (Ollama 0.13.5 does); one that does not cuts it.
    """
    options = {"temperature": 0, "num_predict": max_tokens, "num_ctx": context, "stop": list(STOP_TOKENS)}
    # Without these two it would take the beginning off a long prompt, and answer another one.
    body = {"model": model, "raw": True, "stream": False, "truncate": False, "shift": False, "options": options}
    post = _Post(f"{url.rstrip('/')}/api/generate", body, timeout, adds_bos, _bearer(token))
    return lambda prompt: post.text(prompt, lambda answer: answer["response"])


def openai_completions(
    model: str,
    url: str = "http://127.0.0.1:8080/v1",
    *,
    timeout: float = 30,
    max_tokens: int = 256,
    api_key: str = "",
    adds_bos: bool = True,
    extra: Mapping[str, Any] | None = None,
) -> Complete:
    """Returns what asks `{url}/completions`, as mlx_lm.server, vLLM and llama-server (with `--special`) have it.

    extra: more fields of the request. The others are as in `ollama`.
    """
    # vLLM leaves the tokens of a call out of the text unless it is told; the others do not read the field.
    known = {"temperature": 0, "max_tokens": max_tokens, "stop": list(STOP_TOKENS), "skip_special_tokens": False}
    body = {"model": model, "stream": False, **known, **(extra or {})}
    post = _Post(f"{url.rstrip('/')}/completions", body, timeout, adds_bos, _bearer(api_key))
    return lambda prompt: post.text(prompt, lambda answer: answer["choices"][0]["text"])


def in_thread(complete: Complete) -> Callable[[str], Awaitable[str]]:
    """Returns the coroutine that `Agent.aanswer` wants: what is given asks in a thread of its own."""

    async def completed(prompt: str) -> str:
        return await asyncio.to_thread(complete, prompt)

    return completed


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        """Follows none: a key would go where nobody sent it."""


class _Post:
    """One kind of request to one address. Raises StageError for what is no http(s) address."""

    def __init__(
        self,
        url: str,
        body: Mapping[str, Any],
        timeout: float,
        adds_bos: bool,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise StageError(f"{url!r:.80} is no address of a server; give http(s)://host:port")
        self.url, self.body, self.timeout, self.adds_bos = url, body, timeout, adds_bos
        self.headers = {"Content-Type": "application/json", **(headers or {})}
        self.opener = urllib.request.build_opener(_NoRedirect)

    def text(self, prompt: str, text_of: Callable[[Any], Any]) -> str:
        """Returns the text that the server answers. Raises CompletionError where it gives none."""
        content = self._sent(prompt.removeprefix(BOS) if self.adds_bos else prompt)
        try:
            text = text_of(json.loads(content))
        except (ValueError, RecursionError, LookupError, TypeError):
            text = None
        if not isinstance(text, str):
            raise CompletionError(f"{self._place} answered no completion: {_beginning(content)}")
        return text

    def _sent(self, prompt: str) -> bytes:
        data = json.dumps({**self.body, "prompt": prompt}).encode()
        request = urllib.request.Request(self.url, data, self.headers, method="POST")
        deadline = time.monotonic() + self.timeout
        try:
            with self.opener.open(request, timeout=self.timeout) as response:
                return self._read(response, deadline)
        except urllib.error.HTTPError as error:
            raise CompletionError(f"{self._place} answered {error.code}: {_told(error)}") from None
        except TimeoutError:
            raise self._late() from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None)
            if isinstance(reason, TimeoutError):
                raise self._late() from None
            raise CompletionError(f"{self._place} cannot be asked: {reason or error or type(error).__name__}") from None

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        """Returns the body. A server that sends byte after byte is cut off, too."""
        content = b""
        while part := response.read1(1 << 16):
            content += part
            if len(content) > MAX_BYTES:
                raise CompletionError(f"{self._place} answered more than {MAX_BYTES} bytes")
            if time.monotonic() > deadline:
                raise self._late()
        return content

    def _late(self) -> CompletionError:
        return CompletionError(f"{self._place} gave no answer within {self.timeout:g} seconds")

    @property
    def _place(self) -> str:
        """The address without a name and a password in it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _told(error: urllib.error.HTTPError) -> str:
    try:
        with error:
            return _beginning(error.read(1000))
    except (OSError, http.client.HTTPException):
        return "nothing"


def _beginning(content: bytes) -> str:
    return f"{one_line(content.decode('utf-8', 'replace')):.200}" or "nothing"
