# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the collection agree with each other: roles with their specifications, modules with documentation and tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in ROOT.glob("roles/*") if path.is_dir())
MODULES = sorted(path.stem for path in ROOT.glob("plugins/modules/*.py"))
# They change nothing, and send traffic or copy files of their own.
MEASURING = {"copy_check", "throughput", "throughput_agent"}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def is_computed(value: Any) -> bool:
    """Whether a default is worked out from other variables, so that a specification can only describe it."""
    return "{{" in str(value)


def disagreements(options: dict[str, dict[str, Any]], defaults: dict[str, Any]) -> list[str]:
    """What is wrong between the options of a specification and the variables of defaults/main.yml."""
    found = [f"{name}: in the defaults only" for name in sorted(set(defaults) - set(options))]
    for name, option in options.items():
        if option.get("required"):
            if name in defaults or "default" in option:
                found.append(f"{name}: required, and has a default")
        elif name not in defaults:
            found.append(f"{name}: neither required nor in the defaults")
        elif is_computed(defaults[name]):
            if "default" in option:
                found.append(f"{name}: computed in the defaults, fixed in the specification")
        elif option.get("default") != defaults[name]:
            found.append(f"{name}: {option.get('default')!r} in the specification, {defaults[name]!r} in the defaults")
    return found


@pytest.mark.parametrize("role", ROLES)
def test_argument_specs_and_defaults_of_a_role_agree(role: str) -> None:
    folder = ROOT / "roles" / role
    options: dict[str, dict[str, Any]] = {}
    for entry_point in load(folder / "meta" / "argument_specs.yml")["argument_specs"].values():
        options.update(entry_point.get("options") or {})
    defaults_file = folder / "defaults" / "main.yml"
    defaults = load(defaults_file) or {} if defaults_file.exists() else {}
    assert disagreements(options, defaults) == []


@pytest.mark.parametrize("role", ROLES)
def test_argument_specs_have_no_templates(role: str) -> None:
    """Ansible works them out, also those in descriptions, and fails the role."""
    assert "{{" not in (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")


def test_the_comparison_finds_every_kind_of_disagreement() -> None:
    options: dict[str, dict[str, Any]] = {
        "same": {"default": 1},
        "null": {},
        "needed": {"required": True},
        "computed": {},
        "other": {"default": "a"},
        "missing": {},
        "both": {"required": True},
        "fixed": {"default": "x"},
    }
    defaults = {"same": 1, "null": None, "computed": "{{ a }}", "other": "b", "both": 1, "fixed": ["{{ b }}"], "extra": 0}
    assert [text.split(":")[0] for text in disagreements(options, defaults)] == ["extra", "other", "missing", "both", "fixed"]


@pytest.mark.parametrize("module", MODULES)
def test_documentation_of_a_module_is_whole(module: str) -> None:
    tree = ast.parse((ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8"))
    texts = {
        statement.targets[0].id: statement.value.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name) and isinstance(statement.value, ast.Constant)
    }
    documentation, examples, returned = (yaml.safe_load(str(texts[name])) for name in ("DOCUMENTATION", "EXAMPLES", "RETURN"))
    # exit_json takes a returned path for a file that the module has written: it adds owner, mode and size of it, over other values.
    assert (returned or {}).get("path", {}).get("type", "dict") == "dict"
    assert documentation["module"] == module
    assert any(f"fleetlab.linux.{module}" in task for task in examples)
    assert returned
    if not module.endswith(("_info", "_facts")) and module not in MEASURING:
        assert "commands" in returned


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_named_by_a_test(module: str) -> None:
    folders = [ROOT / "tests" / "integration", ROOT / "tests" / "unit", ROOT / "tests" / "lab", ROOT / "molecule"]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".yml")]
    name = re.compile(rf"fleetlab\.linux\.{module}\b|modules[./ ](import )?{module}\b")
    assert [path for path in files if path != Path(__file__) and name.search(path.read_text(encoding="utf-8"))]


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("roles/*/README.md"))]


def test_make_targets_that_the_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    # Only what stands in code: "make sure" is English.
    code = [part for text in texts for part in re.findall(r"^```.*?^```|`[^`\n]+`", text, re.MULTILINE | re.DOTALL)]
    named = {name for part in code for name in re.findall(r"\bmake ([a-z][a-z-]*)", part)}
    assert named
    assert named - targets == set()


def anchors(page: Path) -> set[str]:
    """The fragments of links to the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)]+)\)", prose):
        path, _hash, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" not in link:
            assert target.exists(), link
            assert not fragment or fragment in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pictures_of_a_page_are_those_of_the_tag_of_this_version(page: Path) -> None:
    galaxy = load(ROOT / "galaxy.yml")
    base = galaxy["repository"].replace("https://github.com/", "https://raw.githubusercontent.com/") + f"/{galaxy['version']}/"
    for link in re.findall(r"(?:!\[[^\]]*\]\(|<img src=\")([^)\"]+)", page.read_text(encoding="utf-8")):
        assert link.startswith(base), link
        assert (ROOT / link[len(base) :]).exists(), link


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 200
    assert [str(path) for page in PAGES[1:] if f"({(path := page.relative_to(ROOT))})" not in text] == []


def test_every_target_says_what_it_is_for() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.match(r"[a-z-]+:", line) and "## " not in line] == []


# The importer of Galaxy calls ansible-lint with the profile production, without these rules, for the files of the archive.
SKIPPED_BY_GALAXY = {"yaml", "var-naming", "avoid-dot-notation", "import-task-no-when", "single-entry-point", "use-loop"}


def test_ansible_lint_checks_at_least_what_the_importer_of_galaxy_checks_with_it() -> None:
    settings = load(ROOT / ".ansible-lint")
    assert settings["profile"] == "production"
    assert {rule.partition("[")[0] for rule in settings["skip_list"]} <= SKIPPED_BY_GALAXY
    assert not {"warn_list", "enable_list"} & settings.keys()
    not_in_the_archive = load(ROOT / "galaxy.yml")["build_ignore"]
    assert all(path.startswith(".") or path.partition("/")[0] in not_in_the_archive for path in settings["exclude_paths"])
