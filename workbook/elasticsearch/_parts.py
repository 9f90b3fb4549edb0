"""A document once read: what is searched of it, what is shown of it, and how the two join."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from workbook.elasticsearch._mapping import Mapping
from workbook.elasticsearch._scalars import Scalar
from workbook.elasticsearch._vectors import Vectors, to_json

Steps = tuple[str | int, ...]
Address = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Spot:
    """Where a vector stood in a document, and where it is kept.

    Attributes:
        steps: keys and positions in the source.
        address: nested path and number, level by level, of the part that holds it.
        path: its field.
    """

    steps: Steps
    address: Address
    path: str


@dataclass
class Part:
    """What is searched of a document, or of one of its nested documents.

    Attributes:
        values: field path to its values, in order.
        vectors: field path to its vector `(dim,)` or vectors `(n, dim)`.
        nested: path of a nested object to its documents.
    """

    values: dict[str, list[Scalar]] = field(default_factory=dict)
    vectors: dict[str, Vectors] = field(default_factory=dict)
    nested: dict[str, list[Part]] = field(default_factory=dict)

    def at(self, address: Address) -> Part:
        """The part of a nested document below this one."""
        part = self
        for path, number in address:
            part = part.nested[path][number]
        return part


@dataclass
class Parsed:
    """A document that passed.

    Attributes:
        source: the JSON as sent, without its vectors.
        spots: where in the source each vector stood, and what holds it now.
        root: what is searched.
        mapping: the index's mapping, with what this document added to it.
    """

    source: dict[str, Any]
    spots: list[Spot]
    root: Part
    mapping: Mapping


def with_vectors(source: dict[str, Any], root: Part, spots: list[Spot]) -> dict[str, Any]:
    """The source with its vectors put back as JSON."""
    found = copy.deepcopy(source)
    for spot in spots:
        target: Any = found
        for step in spot.steps[:-1]:
            target = target[step]
        target[spot.steps[-1]] = to_json(root.at(spot.address).vectors[spot.path])
    return found
