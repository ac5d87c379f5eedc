# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the floors of the code: which files of module_utils may import which others, and which rooms may use the host.

A file imports from its own wing, from the floors below, and from the wings that WINGS names; no imports form a circle. Only the floors
below the wings, the rooms observe, apply and operations, and programs that are put on hosts use what SYSTEM names.
"""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from pathlib import Path
from typing import Iterator

UTILS = Path(__file__).resolve().parents[1] / "plugins" / "module_utils"
FLOORS = ("_core", "_host")
WINGS = {**dict.fromkeys(("_cron", "_monitor", "_reservation", "_tmp"), ("_programs",)), "_server_tls": ("_tls",)}
SYSTEM = {"fcntl", "glob", "grp", "open", "os", "pathlib", "pwd", "select", "shutil", "signal", "socket", "subprocess", "tempfile"}
_TOUCHES = re.compile(r"(_core|_host|_programs)\.|.*\.(observe|apply|operations)(\.|$)")


def read_imports(folder: Path) -> dict[str, set[str]]:
    """The dotted names that each file imports, and C(open) if it is used. The names of files begin at the folder, as C(_core.plan)."""
    files = {".".join(file.relative_to(folder).with_suffix("").parts): file for file in sorted(folder.rglob("*.py"))}
    return {name: set(_imports(name, ast.parse(file.read_text(encoding="utf-8")), files)) for name, file in files.items()}


def _imports(name: str, tree: ast.Module, files: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*name.split(".")[: -node.level], *filter(None, [node.module])]) if node.level else str(node.module)
            base = base.removeprefix("ansible_collections.fleetlab.linux.plugins.module_utils.")
            yield from (each if (each := f"{base}.{alias.name}".lstrip(".")) in files else base for alias in node.names)
        elif isinstance(node, ast.Name) and node.id == "open":
            yield node.id


def problems(imports: dict[str, set[str]]) -> Iterator[str]:
    """The violations of the rules, a line each."""
    inner = {name: {each for each in found if each in imports} for name, found in imports.items()}
    for name, found in inner.items():
        own = name.split(".")[0]
        lower = FLOORS[: FLOORS.index(own)] if own in FLOORS else (*FLOORS, *WINGS.get(own, ()))
        yield from (f"{name} imports {each}: not below it" for each in sorted(found) if each.split(".")[0] not in (own, *lower))
        system = SYSTEM & {each.split(".")[0] for each in imports[name] if not _TOUCHES.match(name)}
        yield from (f"{name} uses {each}: only _core, _host, observe, apply and programs touch the host" for each in sorted(system))
    try:
        graphlib.TopologicalSorter(inner).prepare()
    except graphlib.CycleError as error:
        yield f"circle: {' imports '.join(reversed(error.args[1]))}"


if __name__ == "__main__":
    sys.exit("\n".join(problems(read_imports(UTILS))) or 0)
