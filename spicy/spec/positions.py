"""Where each value of a file stands, and the mistakes that are told with it."""

from __future__ import annotations

from dataclasses import dataclass

from spicy.errors import Problem

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
Path = tuple[str | int, ...]
"""The way to a value, such as `("scenes", 2, "camera")`."""
At = tuple[int, int]
"""Line and column, from 1."""


class Position:
    """The place of one value; of a list or mapping, also those of what is in it."""

    __slots__ = ("at", "inner")

    def __init__(self, at: At, inner: dict[str, tuple[At, Position]] | list[Position] | None = None) -> None:
        self.at, self.inner = at, inner

    @property
    def pairs(self) -> dict[str, tuple[At, Position]]:
        """The keys of a mapping, each with its own place and its value's."""
        return self.inner if isinstance(self.inner, dict) else {}

    @property
    def items(self) -> list[Position]:
        """The places of a list's items."""
        return self.inner if isinstance(self.inner, list) else []


@dataclass(frozen=True, slots=True)
class Positions:
    """Finds places by path; for a path that is not in the file, the nearest value above it."""

    root: Position

    def value(self, path: Path) -> At:
        """Where the value at `path` begins."""
        return self._find(path)[1]

    def key(self, path: Path) -> At:
        """Where the key of `path` stands; of a list's item, the item."""
        return self._find(path)[0]

    def has(self, path: Path) -> bool:
        """Whether the file holds a value at `path`."""
        return self._find(path)[2]

    def _find(self, path: Path) -> tuple[At, At, bool]:
        place, key_at = self.root, self.root.at
        for step in path:
            if isinstance(step, str) and step in place.pairs:
                key_at, place = place.pairs[step]
            elif isinstance(step, int) and 0 <= step < len(place.items):
                place = place.items[step]
                key_at = place.at
            else:
                return key_at, place.at, False
        return key_at, place.at, True


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as read: values, places, and the mistakes that did not stop the reading."""

    file: str
    data: dict[str, Value]
    places: Positions
    problems: tuple[Problem, ...] = ()

    def problem(self, path: Path, message: str) -> Problem:
        """A mistake in the value at `path`."""
        return Problem(self.file, *self.places.value(path), message)

    def key_problem(self, path: Path, message: str) -> Problem:
        """A mistake in the key at `path`."""
        return Problem(self.file, *self.places.key(path), message)
