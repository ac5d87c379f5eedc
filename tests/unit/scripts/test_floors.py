# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floors of the house: the code keeps them, and an arrow against each rule is seen."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.scripts.check_floors import UTILS, problems, read_imports
from ansible_collections.fleetlab.linux.scripts.draw_architecture import picture

HOUSE = {
    "_core/plan.py": "import os\n",
    "_host/files.py": "from .._core.plan import Plan\n",
    "_md/plan.py": "from .._core.plan import Plan\nfrom . import state\n",
    "_md/state.py": "from typing import Any\n",
    "_md/observe/host.py": "import os\nfrom ..._host.files import Host\nfrom .. import state\n",
    "_tmp/plan.py": "from .._programs.launcher import parse\n",
    "_programs/launcher.py": "import os, socket\n",
}


def found(tmp_path: Path, **changes: str) -> list[str]:
    for name, text in {**HOUSE, **{name.replace("__", "/") + ".py": text for name, text in changes.items()}}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return list(problems(read_imports(tmp_path)))


def test_the_code_keeps_the_floors() -> None:
    assert list(problems(read_imports(UTILS))) == []


def test_rooms_take_the_wish_first_then_the_runner_and_the_host() -> None:
    """Who has called the rooms of one wing knows how to call those of another."""
    order = ("Wanted", "Runner", "Host")
    wrong = []
    for file in UTILS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name in ("observe", "operations"):
                types = [ast.unparse(one.annotation) for one in node.args.args if one.annotation is not None]
                places = [order.index(kind) for one in types for kind in order if re.search(rf"\b{kind}", one)]
                if places != sorted(places):
                    wrong.append(f"{file.relative_to(UTILS)}: {node.name}({', '.join(types)})")
    assert wrong == []


def test_a_house_that_keeps_them(tmp_path: Path) -> None:
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("_core__plan", "from .._host.files import Host\n", "_core.plan imports _host.files: not below it"),
        ("_host__files", "from .._md import state\n", "_host.files imports _md.state: not below it"),
        ("_md__state", "from .._tmp.plan import plan\n", "_md.state imports _tmp.plan: not below it"),
        (
            "_md__state",
            "from ansible_collections.fleetlab.linux.plugins.module_utils._programs.launcher import parse\n",
            "_md.state imports _programs.launcher: not below it",
        ),
        ("_md__plan", "import os.path\n", "_md.plan uses os: only _core, _host, observe, apply and programs touch the host"),
        (
            "_md__plan",
            "def f():\n    from subprocess import run\n",
            "_md.plan uses subprocess: only _core, _host, observe, apply and programs",
        ),
        ("_md__plan", "def f():\n    return open('/proc/mdstat').read()\n", "_md.plan uses open: only _core, _host, observe, apply"),
        ("_md__state", "from pathlib import Path\n", "_md.state uses pathlib: only _core, _host, observe, apply"),
        ("_md__state", "from .plan import plan\n", "circle: "),
    ],
)
def test_an_arrow_against_them(file: str, text: str, problem: str, tmp_path: Path) -> None:
    said = found(tmp_path, **{file: text, **({"_md__plan": "from .state import State\n"} if "circle" in problem else {})})
    assert any(line.startswith(problem) for line in said), said


def test_the_picture_has_what_the_imports_are(tmp_path: Path) -> None:
    assert found(tmp_path) == []
    drawn = picture(read_imports(tmp_path), {"md_array": {"_md"}, "md_array_info": {"_md"}})
    assert 'm_md(["md_array<br>md_array_info"]) --> _md' in drawn
    assert '_md["<b>_md</b><br>observe<br>plan<br>state"]' in drawn
    assert "  _md --> _host" in drawn
    assert "  _core -->" not in drawn
