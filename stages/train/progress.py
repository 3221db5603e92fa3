"""What a person sees while the model trains: a bar on a terminal, else some plain lines."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

LINES = 10


class Progress:
    """A context in which every step and every validation is reported to stderr."""

    def __init__(self, iterations: int) -> None:
        self.iterations = iterations
        console = Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        self.bar = Bar(*columns, console=console) if console.is_terminal else None
        self.task = self.bar.add_task("", total=iterations) if self.bar else None

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()

    def trained(self, iteration: int, loss: float, tokens_per_second: float) -> None:
        """Reports a step: on a terminal each, else about LINES of them."""
        text = f"loss {loss:.4f}, {tokens_per_second:,.0f} tokens/s"
        if self.bar and self.task is not None:
            self.bar.update(self.task, completed=iteration, description=text)
        elif iteration in (1, self.iterations) or iteration % max(1, self.iterations // LINES) == 0:
            self._line(f"iteration {iteration}/{self.iterations}: {text}")

    def validated(self, iteration: int, loss: float) -> None:
        """Reports a validation."""
        self._line(f"iteration {iteration}/{self.iterations}: validation loss {loss:.4f}")

    def resumed(self, iteration: int) -> None:
        """Reports that a checkpoint was found."""
        self._line(f"going on behind iteration {iteration}/{self.iterations}, from a checkpoint")

    def ended_early(self, iteration: int, best: tuple[int, float]) -> None:
        """Reports that the validation loss does not fall any more."""
        self._line(f"iteration {iteration}/{self.iterations}: ends here, the best was {best[1]:.4f} at {best[0]}")

    def _line(self, text: str) -> None:
        if self.bar:
            self.bar.console.print(text, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)
