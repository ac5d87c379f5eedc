# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the floors of the code into docs/architecture.md, from the imports; with --check only test whether the picture is current."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from ansible_collections.fleetlab.linux.scripts.check_floors import FLOORS, UTILS, read_imports

PAGE = UTILS.parents[1] / "docs" / "architecture.md"
_BEGIN, _END = "<!-- picture: scripts/draw_architecture.py -->\n", "<!-- end of picture -->\n"


def rooms(imports: dict[str, set[str]], wing: str) -> list[str]:
    """The files and folders of a wing, by name."""
    return sorted({name.split(".")[1] for name in imports if name.startswith(f"{wing}.")} - {"__init__", "__main__"})


def read_modules(folder: Path) -> dict[str, set[str]]:
    """The wings that each module imports."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        named = {str(node.module) for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)}
        wings = {name.partition(".module_utils.")[2].split(".")[0] for name in named if ".module_utils._" in name}
        found[file.stem] = wings - set(FLOORS)
    return found


def picture(imports: dict[str, set[str]], modules: dict[str, set[str]]) -> str:
    """A flowchart in mermaid: modules, their wings, and the two floors below all wings."""
    wings = sorted({name.split(".")[0] for name in imports} - set(FLOORS))
    lines = ["flowchart TB"]
    for wing in wings:
        names = [module for module, opened in modules.items() if wing in opened]
        lines += [f'  m{wing}(["{"<br>".join(names)}"]) --> {wing}'] if names else []
        lines.append(f'  {wing}["<b>{wing}</b><br>{"<br>".join(rooms(imports, wing))}"]')
    lines += [f'  {floor}[["<b>{floor}</b><br>{", ".join(rooms(imports, floor))}"]]' for floor in reversed(FLOORS)]
    arrows = {(name.split(".")[0], each.split(".")[0]) for name, found in imports.items() for each in found if each in imports}
    lines += [f"  {lower} --> {upper}" for lower, upper in sorted(arrows) if lower != upper]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def main(check: bool) -> int:
    """Write the picture, or report that the page has another one."""
    before, _begin, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _picture, _end, after = rest.partition(_END)
    text = before + _BEGIN + picture(read_imports(UTILS), read_modules(UTILS.parent / "modules")) + _END + after
    if check and text != PAGE.read_text(encoding="utf-8"):
        print(f"{PAGE.name} does not show the imports of the code: run make format")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
