"""A family of models as a drawing: generations from left to right."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from alloyworks.catalog.lineage import Edge, Node

COLUMN, ROW = 264, 52  # px from one node to the next
WIDTH, HEIGHT = 208, 36  # px of a node
LONGEST = 27  # characters of a name with its version


@dataclass(frozen=True)
class Box:
    id: UUID
    label: str
    title: str
    origin: str
    chosen: bool
    x: int
    y: int

    @property
    def middle(self) -> int:
        return self.y + HEIGHT // 2

    @property
    def text_x(self) -> int:
        return self.x + 12


@dataclass(frozen=True)
class Tree:
    boxes: list[Box]
    paths: list[str]  # of SVG, from parent to child
    width: int
    height: int
    box_width: int = WIDTH
    box_height: int = HEIGHT

    @property
    def view_width(self) -> int:
        """With room for the strokes at the edges."""
        return self.width + 2

    @property
    def view_height(self) -> int:
        return self.height + 2


def drawn(
    nodes: Sequence[Node], edges: Sequence[Edge], chosen: Collection[UUID], *, whole: bool = False
) -> Tree | None:
    """The chosen and their ancestors, or the whole family; None when nothing connects them."""
    kept = {node.id for node in nodes} if whole else with_ancestors(chosen, edges)
    shown = [node for node in nodes if node.id in kept]
    links = [(parent, child) for parent, child in edges if parent in kept and child in kept]
    if not links:
        return None
    generation = _generations([node.id for node in shown], links)
    boxes = _placed(shown, generation, chosen)
    by_id = {box.id: box for box in boxes}
    paths = [
        _path(by_id[parent], by_id[child])
        for parent, child in links
        if child in by_id and parent in by_id
    ]
    width = max(box.x for box in boxes) + WIDTH
    height = max(box.y for box in boxes) + HEIGHT
    return Tree(boxes, paths, width, height)


def with_ancestors(chosen: Iterable[UUID], edges: Iterable[Edge]) -> set[UUID]:
    parents: dict[UUID, list[UUID]] = {}
    for parent, child in edges:
        parents.setdefault(child, []).append(parent)
    found, left = set(chosen), list(chosen)
    while left:
        new = [parent for parent in parents.get(left.pop(), ()) if parent not in found]
        found.update(new)
        left += new
    return found


def _generations(ids: Sequence[UUID], links: Sequence[Edge]) -> dict[UUID, int]:
    """The longest way from a root. Ids sort by age, so parents come before their children."""
    found = dict.fromkeys(sorted(ids), 0)
    for child in found:
        above = [found[parent] + 1 for parent, made in links if made == child and parent in found]
        found[child] = max(above, default=0)
    return found


def _placed(
    nodes: Sequence[Node], generation: dict[UUID, int], chosen: Collection[UUID]
) -> list[Box]:
    columns: dict[int, list[Node]] = {}
    for node in sorted(nodes, key=lambda node: node.id):
        columns.setdefault(generation[node.id], []).append(node)
    tallest = max(len(column) for column in columns.values())
    boxes = []
    for column, members in columns.items():
        top = (tallest - len(members)) * ROW // 2
        for i, node in enumerate(members):
            boxes.append(
                Box(
                    id=node.id,
                    label=_label(node),
                    title=f"{node.name} v{node.version}",
                    origin=node.origin,
                    chosen=node.id in chosen,
                    x=column * COLUMN,
                    y=top + i * ROW,
                )
            )
    return boxes


def _label(node: Node) -> str:
    """Its version is seen however long its name is."""
    version = f" v{node.version}"
    room = LONGEST - len(version)
    name = node.name if len(node.name) <= room else f"{node.name[: room - 1]}…"
    return f"{name}{version}"


def _path(parent: Box, child: Box) -> str:
    begin, end = parent.x + WIDTH, child.x
    bend = (end - begin) // 2
    return (
        f"M{begin} {parent.middle}C{begin + bend} {parent.middle} "
        f"{end - bend} {child.middle} {end} {child.middle}"
    )
