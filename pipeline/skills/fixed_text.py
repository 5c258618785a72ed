"""Which expressions of a Python program can only be text that stands in the program itself.

Names are followed through the whole file: a name is fixed when everything ever assigned, added or appended to it is. A
name that anything else sets (a parameter, a loop, an import) is not. What is not understood is not fixed.
"""

from __future__ import annotations

import ast

MAX_STEPS = 200
"""Expressions looked at for one answer; one that needs more is not fixed."""


class FixedText:
    """The assignments of a program."""

    def __init__(self, tree: ast.Module) -> None:
        self.last: dict[str, ast.expr] = {}
        """What each name was assigned last, where it is a plain assignment."""
        self._all: dict[str, list[ast.expr]] = {}
        self._foreign: set[str] = set()
        plain: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                plain.add(id(node.targets[0]))
                self.last[node.targets[0].id] = node.value
                self._set(node.targets[0], node.value)
            elif isinstance(node, (ast.AugAssign, ast.AnnAssign)) and isinstance(node.target, ast.Name):
                plain.add(id(node.target))
                if node.value is not None:
                    self._set(node.target, node.value)
            elif isinstance(node, ast.Call) and (name := _grown(node.func)) is not None:
                for argument in node.args:
                    self._set(name, argument)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in plain:
                self._foreign.add(node.id)
            elif isinstance(node, ast.arg):
                self._foreign.add(node.arg)
            elif isinstance(node, ast.alias):
                self._foreign.add((node.asname or node.name).split(".")[0])

    def _set(self, name: ast.Name, value: ast.expr) -> None:
        self._all.setdefault(name.id, []).append(value)

    def holds(self, expression: ast.expr) -> bool:
        """Whether an expression is such a text, or a list of such texts."""
        waiting, seen = [expression], set[str]()
        for _ in range(MAX_STEPS):
            if not waiting:
                return True
            parts = self._parts(waiting.pop(), seen)
            if parts is None:
                return False
            waiting.extend(parts)
        return False

    def _parts(self, node: ast.expr, seen: set[str]) -> list[ast.expr] | None:
        """What has to be fixed for an expression to be; None when it never is."""
        match node:
            case ast.Constant():
                return []
            case ast.JoinedStr(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
                return values
            case ast.FormattedValue(value=value):
                return [value]
            case ast.BinOp(left=ast.Constant(value=str()) | ast.List() as text, op=ast.Mult()):
                return [text]
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
                return [left, right]
            case ast.IfExp(body=body, orelse=otherwise):
                return [body, otherwise]
            case ast.GeneratorExp(elt=ast.Constant()) | ast.ListComp(elt=ast.Constant()):
                return []
            case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[parts], keywords=[]):
                return [parts]
            case ast.Name(id=name) if name in self._all and name not in self._foreign:
                known = name in seen
                seen.add(name)
                return [] if known else self._all[name]
        return None


def _grown(called: ast.expr) -> ast.Name | None:
    """The name of the list that a call adds to."""
    if isinstance(called, ast.Attribute) and called.attr in ("append", "extend", "insert"):
        return called.value if isinstance(called.value, ast.Name) else None
    return None
