"""Code as a dependency: the modules that a stage imports, digested without comments and docstrings.

A stage names the module that does its work.  The source itself gives the closure of that module:

    relative imports, at the top and inside functions
    the modules that `child.run("module", …)` starts
    the whole package where a name is computed (`import_module("." + name, __package__)`)
    the files beside the modules that are no Python (the page's scripts and styles)

The digest is taken over the tokens of Python, so it is the same on every Python, and a comment, a docstring or a line's
end changes no digest.
"""
import ast
import hashlib
import io
import json
import os
import re
import tokenize
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from ..base import files
from .digests import Digests

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # scripts/
STARTS = ("run", "in_environment")  # the functions of base/child.py whose first argument is a module
LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER)
WORDS = {tokenize.NEWLINE: "\n", tokenize.INDENT: "{", tokenize.DEDENT: "}"}
COMPUTED = re.compile("[rR]?[fF]")  # an f-string, which runs
F_STRING = getattr(tokenize, "FSTRING_START", None), getattr(tokenize, "FSTRING_END", None)  # since Python 3.12


class Equal(NamedTuple):
    """Older code whose results are those of today's code, byte for byte: what it built stays up to date.

    today  str, the digest of the stage's code now.  tests/unit/test_code.py says it where this is another
    older  the digests that older commits recorded
    """

    today: str
    older: Tuple[str, ...]


# The move of the modules into rooms changed no trained byte: tests/unit/test_move.py trains with both.
EQUAL = {
    "train": Equal(
        today="c7396a91f53159913282916ef7dbab0fc12e9610c4bb9b1d23a1e0c857d77737",
        older=("f201b973a679cf5f00f89e7a3b4689866d7e5038cc946b4036e587405e79a5c3",)),  # commit ca53cd8
}


def same(stage: str, old: str, new: str) -> bool:
    """Tell whether code of the digest `old` built the bytes that code of the digest `new` builds in a stage."""
    equal = EQUAL.get(stage)
    return old == new or equal is not None and new == equal.today and old in equal.older


class Source(NamedTuple):
    """One file of Python, as far as the digests need it.

    digest    str, sha256 of its tokens
    imports   list of [level, module, names] of its relative imports
    starts    list of names, dotted, of what may be modules that it starts as processes
    computed  True where it imports by a name that is computed: any module of its package
    """

    digest: str
    imports: List[list]
    starts: List[str]
    computed: bool


def read(text: bytes) -> Source:
    """Return the Source of a file's bytes.  Raises SyntaxError where they are no Python."""
    imports, starts, computed = [], set(), False
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            imports.append([node.level, node.module or "", sorted(alias.name for alias in node.names)])
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", None))
            word = _text(node.args[0]) if node.args else None
            if called == "import_module" and word is None:
                computed = True
            elif called == "import_module" and word.startswith("."):
                name = word.lstrip(".")
                imports.append([len(word) - len(name), name, []])
            elif called in STARTS and word:
                starts.add(word)
    return Source(digest(text), sorted(imports), sorted(starts), computed)


def _text(node):
    """Return the text that a node of a syntax tree is, or None."""
    value = getattr(node, "value", getattr(node, "s", None))  # the latter before Python 3.8
    return value if isinstance(value, str) else None


def digest(text: bytes) -> str:
    """Return the sha256 of Python's tokens without comments, docstrings and the layout of lines."""
    text += b"" if text.endswith(b"\n") else b"\n"  # Python 3.6 misses it
    parts, statement, only_text, nested, begun = [], [], True, 0, None
    source = text.decode("utf-8").split("\n")
    for token in tokenize.tokenize(io.BytesIO(text).readline):
        kind, word = token.type, token.string
        if F_STRING[0] is not None and kind in F_STRING:  # one token, as it is before Python 3.12
            nested += 1 if kind == F_STRING[0] else -1
            if kind == F_STRING[0] and nested == 1:
                begun = token.start
            if nested:
                continue
            kind, word = tokenize.STRING, _between(source, begun, token.end)
        if nested or kind in LAYOUT:
            continue
        word = WORDS.get(kind, word)
        if kind in (tokenize.INDENT, tokenize.DEDENT):
            parts.append(word)
            continue
        statement.append(word)
        only_text = only_text and (kind == tokenize.NEWLINE or kind == tokenize.STRING and not COMPUTED.match(word))
        if kind == tokenize.NEWLINE:
            parts += [] if only_text else statement
            statement, only_text = [], True
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _between(source, start, end):
    """Return the text from one (line, column) to another."""
    (first, left), (last, right) = start, end
    lines = source[first - 1:last]
    lines[-1] = lines[-1][:right]
    lines[0] = lines[0][left:]
    return "\n".join(lines)


class Code:
    """The source files below one directory, and the closures of their modules.

    digests  Digests, which know a file by its stat
    path     of a cache: what was read of each file, by the sha256 of its bytes
    root     path of the package's directory
    """

    def __init__(self, digests: Digests, path: Optional[str] = None, root: str = ROOT) -> None:
        self.root, self.digests, self.path = root, digests, path
        self._known, self._read, self._tree = None, {}, None
        self._direct, self._found = {}, {}  # {file: what it imports}, {modules: digest}

    def of(self, *modules: str) -> str:
        """Return one sha256 over the code of modules, named from `root` ("viewer.page"), and of all that they import.

        The digest depends on the names and the tokens of the modules, and on the bytes of the other files.
        """
        if modules not in self._found:  # of a thousand models all are built by the same code
            parts = [f"{name} {self._content(name)}" for name in self.closure(*modules)]
            self._found[modules] = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
        return self._found[modules]

    def closure(self, *modules: str) -> List[str]:
        """Return the files, relative to `root` and sorted, that modules depend on.  Raises LookupError for a module
        that there is not."""
        found = set()
        waiting = [self._module(name.split(".")) for name in modules]
        if None in waiting:
            raise LookupError(f"there is no module {modules[waiting.index(None)]}")
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            if name not in self._direct:
                self._direct[name] = set(self._imported(name))
            waiting += self._direct[name]
        packages = tuple({os.path.dirname(name) + "/" for name in found} - {"/"})
        others = [name for name in self._files() if not name.endswith(".py")]
        return sorted(found.union(name for name in others if name.startswith(packages)))

    def _imported(self, name: str) -> Iterable[str]:
        """Yield the files of the modules that one file imports or starts."""
        source, package = self._source(name), name.split("/")[:-1]
        wanted = [package[:end] for end in range(len(package) + 1)]  # Python runs the packages first
        for level, module, names in source.imports:
            base = package[:len(package) - level + 1] + (module.split(".") if module else [])
            wanted += [base] + [base + [each] for each in names]
        wanted += [word.split(".") for word in source.starts]
        for parts in wanted:
            found = self._module(parts)
            if found:
                yield found
        if source.computed:
            beside = "/".join(package)
            yield from (each for each in self._files() if os.path.dirname(each) == beside and each.endswith(".py"))

    def _module(self, parts):
        """Return the file of a module or a package, by the parts of its name; None where there is none."""
        for name in ("/".join(parts) + ".py", "/".join(parts + ["__init__.py"])):
            if name in self._files():
                return name
        return None

    def _files(self) -> Set[str]:
        if self._tree is None:
            self._tree = {os.path.relpath(path, self.root).replace(os.sep, "/") for path in files.files_of(self.root)
                          if not path.endswith(".pyc")}
        return self._tree

    def _content(self, name: str) -> str:
        """Return the digest of what counts in one file."""
        return self._source(name).digest if name.endswith(".py") else self.digests.of(os.path.join(self.root, name))

    def _source(self, name: str) -> Source:
        path = os.path.join(self.root, name)
        known = self._cache()
        key = self.digests.of(path)
        if key not in known:
            with open(path, "rb") as stream:
                text = stream.read()
            key = hashlib.sha256(text).hexdigest()
            known[key] = read(text)
            self._read[key] = known[key]
        return known[key]

    def _cache(self) -> Dict[str, Source]:
        if self._known is None:
            self._known = {}
            try:
                with open(self.path or "", encoding="utf-8") as stream:
                    kept = json.load(stream)
                if kept["by"] == self.digests.of(__file__):  # the reader is another: so may be what it reads
                    self._known = {key: Source(*value) for key, value in kept["sources"].items()}
            except (OSError, ValueError, TypeError, KeyError, AttributeError):
                pass  # a cache: what cannot be read is found out again
        return self._known

    def save(self) -> None:
        """Keep the cache for the next run: of the files that there are now, and no more."""
        if not (self.path and self._read):
            return
        there = {self.digests.of(os.path.join(self.root, name)) for name in self._files() if name.endswith(".py")}
        kept = {key: value for key, value in self._cache().items() if key in there}
        self._read = {}
        files.keep(self.path, json.dumps({"by": self.digests.of(__file__), "sources": kept}, separators=(",", ":")))
