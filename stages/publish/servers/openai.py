"""A server of OpenAI's API that fetches the model itself: mlx_lm.server, vLLM, llama-server. It is only asked."""

from dataclasses import dataclass

from shared.asking.agent import Complete
from shared.asking.servers import openai_completions
from shared.errors import StageError
from stages.publish.servers.connection import Connection

COMPLETION_SECONDS = 120


@dataclass(frozen=True)
class OpenAi:
    """A server. Every method raises StageError where it is away, slow, or answers like no such server."""

    connection: Connection

    @property
    def place(self) -> str:
        return self.connection.place

    def check(self) -> str:
        """Returns what is there."""
        reply = self.connection.get("/models")
        if reply.status != 200:
            raise self.connection.refused(reply, "does not list its models")
        if not isinstance(reply.object().get("data"), list):
            known = "let its url in deploy.servers end where /completions is added, such as http://host:8080/v1"
            raise StageError(f"{self.place} answers like no server of OpenAI's API; {known}")
        return self.place

    def complete(self, model: str, adds_bos: bool) -> Complete:
        """Returns what asks a model, as an agent does."""
        place, key = self.connection.url, self.connection.token
        return openai_completions(model, place, timeout=COMPLETION_SECONDS, api_key=key, adds_bos=adds_bos)
