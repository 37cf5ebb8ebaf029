"""One task of a study."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Study:
    """The first-level maps of one task of a study, with its model, or the problem that prevents an analysis."""

    name: str  # study/task-label, or the name of what is outside the layout
    folder: Path
    model: Path | None = None  # None: the mean over subjects
    problem: str = ""
    note: str = ""

    @property
    def study(self) -> str:
        """The label of the study."""
        return self.name.partition("/")[0]

    @property
    def task(self) -> str:
        """The label of the task, with the suffix of the model if it has one; empty outside the layout."""
        return self.name.partition("/")[2].removeprefix("task-")
