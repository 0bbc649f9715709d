"""YAML without surprises: text becomes a plain tree in which every value knows its place.

Only mappings, lists, texts, numbers, true, false and null exist (the core schema of YAML 1.2);
aliases, anchors, tags, keys given twice and words that YAML versions read differently are errors.
Nothing is ever constructed from a tag: the library composes the tree, this module reads it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tuner.errors import UsageError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16

Scalar = None | bool | int | float | str

WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
SWITCH = {"yes": "true", "on": "true", "no": "false", "off": "false"}


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its ``place``, which begins an error about it: ``x.yaml:9: `` or ``--set ``."""

    value: "Scalar | dict[str, Node] | list[Node]"
    place: str

    def fault(self, key: str, what: str) -> str:
        """The line that tells the user about a fault of ``key``."""
        return f"{self.place}{key}: {what}"

    def find(self, key: str) -> "Node | None":
        """The node at a dotted key; None where nothing or null is given."""
        node: Node | None = self
        for name in key.split("."):
            node = node.value.get(name) if node and isinstance(node.value, dict) else None
        return None if node is None or node.value is None else node

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_file(path: Path) -> Node:
    """Read a configuration file; raises ``UsageError`` with every fault found."""
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: not a file. Name a YAML file, e.g. {path}/task.yaml.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"no such file '{path}'. Check the name.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be read ({reason}). Check its permissions.") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: larger than {MAX_BYTES} bytes. Name the YAML file of a task.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{data[error.start]:02x} at offset {error.start}"
        raise UsageError(f"{path}: not a text config ({byte}). Save it as UTF-8.") from None
    return read_text(text, str(path))


def read_text(text: str, source: str) -> Node:
    """Read a YAML document whose places are ``source:line: ``."""
    return _Reader(source).read(text)


def read_value(text: str, place: str, key: str) -> Node:
    """Read a key's value from a command line: a scalar, or a quoted text, list or mapping."""
    if text.lstrip()[:1] in {"[", "{", '"', "'"}:
        return _Reader(f"{place}{key}", place).read(text, key)
    try:
        return Node(scalar(text.strip()), place)
    except ValueError as error:
        raise UsageError(f"{place}{key}: {error}") from None


def scalar(text: str) -> Scalar:
    """What an unquoted scalar means; raises ``ValueError`` where YAML versions disagree."""
    if text in WORDS:
        return WORDS[text]
    if meaning := SWITCH.get(text.lower()):
        raise ValueError(
            f"{meaning} to some readers of YAML and a text to others ({text})."
            f' Write {meaning} or "{text}".'
        )
    if LEADING_ZERO.fullmatch(text):
        raise ValueError(
            f"octal to some readers of YAML and decimal to others ({text})."
            f' Write {text.lstrip("-+0") or "0"} or "{text}".'
        )
    if WHOLE.fullmatch(text):
        return int(text)
    if NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return float(text) if NUMBER.fullmatch(text) else text


class _Composer(yaml.SafeLoader):
    """Composes nodes; refuses what a configuration does not need before it can do harm."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or event.anchor or getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(
                problem="anchors, aliases and tags are not allowed here",
                problem_mark=event.start_mark,
            )
        if self.depth == MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark
            )
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reader:
    """Turns composed nodes into ours and gathers the faults on the way."""

    def __init__(self, source: str, place: str | None = None) -> None:
        self.source = source
        self.place = place
        self.faults: list[str] = []

    def read(self, text: str, key: str = "") -> Node:
        node = self.compose(text)
        tree = Node(None, self.at(0)) if node is None else self.convert(node, self.at(0), key)
        if self.faults:
            raise UsageError(*self.faults)
        return tree

    def compose(self, text: str) -> yaml.Node | None:
        try:
            return _Composer(text).get_single_node()
        except yaml.MarkedYAMLError as error:
            raise UsageError(self.syntax_fault(error)) from None
        except yaml.reader.ReaderError as error:
            where = f"character U+{error.character:04X} at offset {error.position}"
            fault = f"{self.source}: not a text config ({where}). Save it as UTF-8."
            raise UsageError(fault) from None
        except (ValueError, OverflowError) as error:  # an escape such as "\\UFFFFFFFF"
            raise UsageError(f"{self.source}: no such character ({error}). Delete it.") from None

    def syntax_fault(self, error: yaml.MarkedYAMLError) -> str:
        problem = " ".join(filter(None, (error.context, error.problem)))
        mark = error.problem_mark or error.context_mark
        if mark is None:
            return f"{self.source}: {problem}. Mend the syntax."
        snippet = mark.get_snippet(indent=4, max_length=75)
        return f"{self.source}:{mark.line + 1}:{mark.column + 1}: {problem}. Mend it:\n{snippet}"

    def at(self, line: int) -> str:
        return f"{self.source}:{line + 1}: " if self.place is None else self.place

    def convert(self, node: yaml.Node, place: str, key: str) -> Node:
        if isinstance(node, yaml.MappingNode):
            return Node(self.entries(node, key), place)
        if isinstance(node, yaml.SequenceNode):
            items = [self.convert(item, self.at(item.start_mark.line), key) for item in node.value]
            return Node(items, place)
        assert isinstance(node, yaml.ScalarNode)
        return Node(self.scalar(node, place, key), place)

    def entries(self, node: yaml.MappingNode, parent: str) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for name_node, value_node in node.value:
            name, line = str(name_node.value), name_node.start_mark.line
            key = f"{parent}.{name}" if parent else name
            place = self.at(line)
            if not isinstance(name_node, yaml.ScalarNode):
                where = parent or "top level"
                self.faults.append(f"{place}{where}: a key must be a word. Write key: value.")
            elif name in lines:
                first = f"first at line {lines[name] + 1}"
                self.faults.append(f"{place}{key}: given twice ({first}). Delete one.")
            else:
                lines[name] = line
                entries[name] = self.convert(value_node, place, key)
        return entries

    def scalar(self, node: yaml.ScalarNode, place: str, key: str) -> Scalar:
        if node.style:
            return str(node.value)
        try:
            return scalar(node.value)
        except ValueError as error:
            self.faults.append(f"{place}{key}: {error}")
            return None
