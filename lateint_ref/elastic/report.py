"""What became of every document of an indexing run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Refused:
    """A document that is not in the index, and why.

    Attributes:
        id: its id, or `"number 3"` (counted from 0) where it has none.
        status: HTTP status of its own answer; 0 where it was not sent.
        reason: what the server said, or what is wrong with the document.
    """

    id: str
    status: int
    reason: str


@dataclass
class Report:
    """What became of every document.

    Attributes:
        indexed: put in by this run.
        already_there: in the index before, or put in by a request of this run whose answer was lost.
        refused: those that are not in the index.
        requests: bulk requests sent, repeated ones included.
        retries: how many of them were repeated.
        sent_bytes: size of all of them, uncompressed.
    """

    indexed: int = 0
    already_there: int = 0
    refused: list[Refused] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    sent_bytes: int = 0

    @property
    def total(self) -> int:
        """Documents dealt with."""
        return self.indexed + self.already_there + len(self.refused)

    def __str__(self) -> str:
        lines = [f"{self.indexed} indexed, {self.already_there} already there, {len(self.refused)} refused"]
        lines += [f"  {item.id}: {item.reason}" for item in self.refused[:10]]
        if len(self.refused) > 10:
            lines.append(f"  and {len(self.refused) - 10} more")
        return "\n".join(lines)


class IndexingStoppedError(RuntimeError):
    """The cluster did not take a batch after all tries. Running again continues where this run stopped.

    Attributes:
        report: what was done until then; the batch that failed and those after it are not in it.
    """

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report
