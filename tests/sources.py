"""The repository's own sources, parsed: what its modules import and call."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("meta", "trainables", "tuner")
AROUND = ("tests", "benchmarks", "docs")


@dataclass(frozen=True)
class Module:
    """A parsed source file under its dotted name."""

    name: str
    source: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.source)))

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """Line and dotted name of every import, at the top or inside a function."""
        return [found for node in self.nodes for found in _imported(node)]

    @cached_property
    def typing_lines(self) -> set[int]:
        """The lines that only a type checker reads."""
        blocks = [
            range(node.lineno, (node.end_lineno or 0) + 1)
            for node in self.nodes
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ]
        return {line for block in blocks for line in block}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What a name that an import binds stands for."""
        bound: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                bound |= {alias.asname: alias.name for alias in node.names if alias.asname}
            elif isinstance(node, ast.ImportFrom):
                bound |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        return bound

    def dotted(self, node: ast.expr) -> str:
        """The full name of what is called, as ``pickle.loads`` for ``p.loads``."""
        match node:
            case ast.Name(name):
                return self.aliases.get(name, name)
            case ast.Attribute(value, name):
                return f"{self.dotted(value)}.{name}"
        return "?"


def _imported(node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Import(names):
            yield from ((node.lineno, alias.name) for alias in names)
        case ast.ImportFrom(module, names, level):
            start = f"{'.' * level}{module or ''}"
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in names)
        case ast.Call(ast.Name("import_module") | ast.Attribute(_, "import_module"), [first, *_]):
            if isinstance(first, ast.Constant):
                yield node.lineno, str(first.value)


def read_house() -> list[Module]:
    """Every module of the packages and of what stands around them."""
    files = [file for folder in (*PACKAGES, *AROUND) for file in (ROOT / folder).rglob("*.py")]
    return [Module(_dotted_name(file), file.read_text("utf-8")) for file in sorted(files)]


def _dotted_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")
