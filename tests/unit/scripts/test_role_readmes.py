# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The READMEs of the roles: generated from the argument specs, and refused where they differ."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]

SPECS = """
argument_specs:
  main:
    short_description: Bake bread
    description:
      - Bakes a loaf with M(a.b.oven), see
        P(a.b.recipes#lookup).
      - O(bread_kind=rye) takes longer.
    examples: |
      - hosts: kitchen
        roles: [a.b.bread]
    options: &options
      bread_kind:
        description: The flour, V(rye) or V(a|b).
        type: str
        choices: [rye, wheat]
        required: true
      bread_seeds:
        description:
          - Seeds, see C(bread(5\\)).
          - None by default.
        type: list
        elements: str
        default: []
      bread_name:
        description: Name of the loaf; by default that of the host.
  check:
    short_description: Look into the oven
    description: Changes nothing.
    options: *options
  cut:
    short_description: Cut the loaf
    description: Needs B(a knife).
    options:
      cut_slices:
        description: How many.
        type: int
        default: 10
"""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fleetlab_script_role_readmes", ROOT / "scripts" / "role_readmes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


role_readmes = load()


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    meta = tmp_path / "roles" / "bread" / "meta"
    meta.mkdir(parents=True)
    (meta / "argument_specs.yml").write_text(SPECS, encoding="utf-8")
    return tmp_path / "roles"


def test_a_readme_has_what_the_specs_say(roles: Path) -> None:
    assert role_readmes.main([], roles) == 0
    head, _comment, text = (roles / "bread" / "README.md").read_text(encoding="utf-8").partition("-->\n")
    assert "GPL-3.0-or-later" in head
    assert text == (
        "\n# fleetlab.linux.bread\n\n"
        "Bake bread.\n\n"
        "Bakes a loaf with `a.b.oven`, see `a.b.recipes`.\n\n"
        "`bread_kind=rye` takes longer.\n\n"
        "## Example\n\n```yaml\n- hosts: kitchen\n  roles: [a.b.bread]\n```\n\n"
        "## Variables\n\n"
        "| variable | type | default | description |\n| --- | --- | --- | --- |\n"
        "| `bread_kind` | str | required | The flour, `rye` or `a\\|b`. Choices: `rye`, `wheat`. |\n"
        "| `bread_seeds` | list of str | `[]` | Seeds, see `bread(5)`. None by default. |\n"
        "| `bread_name` | str | computed | Name of the loaf; by default that of the host. |\n\n"
        "`computed`: [defaults/main.yml](defaults/main.yml) works the value out from other variables, as the description says.\n\n"
        "## Entry point `check`\n\nLook into the oven.\n\nChanges nothing.\n\nThe variables are those of `main`.\n\n"
        "## Entry point `cut`\n\nCut the loaf.\n\nNeeds **a knife**.\n\n"
        "### Variables\n\n"
        "| variable | type | default | description |\n| --- | --- | --- | --- |\n"
        "| `cut_slices` | int | `10` | How many. |\n"
    )


def test_a_readme_that_differs_is_named_and_left_alone(roles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = roles / "bread" / "README.md"
    named = "roles/bread/README.md differs from meta/argument_specs.yml of the role: run 'make format'\n"
    assert role_readmes.main(["--check"], roles) == 1
    assert capsys.readouterr().err == named
    assert not readme.exists()
    role_readmes.main([], roles)
    assert role_readmes.main(["--check"], roles) == 0
    readme.write_text(readme.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")
    assert role_readmes.main(["--check"], roles) == 1
    assert capsys.readouterr().err == named
    assert readme.read_text(encoding="utf-8").endswith("by hand\n")


def test_every_role_has_an_example() -> None:
    for readme in sorted(ROOT.glob("roles/*/README.md")):
        assert "\n## Example\n" in readme.read_text(encoding="utf-8"), readme


def test_a_readme_tells_the_tags_of_the_tasks(roles: Path) -> None:
    (roles / "bread" / "tasks").mkdir()
    (roles / "bread" / "tasks" / "main.yml").write_text("- {name: Look, tags: [always]}\n- {name: Bake, tags: [configure, verify]}\n")
    assert role_readmes.main([], roles) == 0
    text = (roles / "bread" / "README.md").read_text(encoding="utf-8")
    assert text.index("## Tags") < text.index("## Entry point")
    assert "| `configure` | " in text
    assert "| `verify` | " in text
    assert "`install`" not in text
    assert "with every tag" in text
