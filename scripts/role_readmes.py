# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the README.md of each role from its C(meta/argument_specs.yml); with C(--check), only name the READMEs that differ."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Iterator

import yaml

ROLES = Path(__file__).resolve().parents[1] / "roles"

_LICENSE = [line.removeprefix("# ") for line in Path(__file__).read_text(encoding="utf-8").splitlines()[:3]]
_HEAD = "\n".join(["<!--", *_LICENSE, "", 'Generated from meta/argument_specs.yml: edit that file, then run "make format".', "-->", ""])
_MARKUP = re.compile(r"\b([BCEIMOPV])\(((?:[^\\)]|\\.)+)\)")
"""Ansible's markup in descriptions: a letter, and text in which a backslash stands before a closing parenthesis."""


def to_markdown(text: str) -> str:
    """A description with Ansible's markup as Markdown, on one line."""
    return _MARKUP.sub(_format_markup, " ".join(text.split()))


def _format_markup(found: re.Match[str]) -> str:
    kind, text = found[1], re.sub(r"\\(.)", r"\1", found[2])
    if kind in "BI":
        return f"**{text}**" if kind == "B" else f"*{text}*"
    return f"`{text.split('#')[0] if kind == 'P' else text}`"


def _paragraphs(description: str | list[str]) -> list[str]:
    return [to_markdown(text) for text in ([description] if isinstance(description, str) else description)]


def _row(name: str, option: dict[str, Any]) -> str:
    kind = option.get("type", "str") + (f" of {option['elements']}" if "elements" in option else "")
    if option.get("required"):
        default = "required"
    else:
        default = f"`{json.dumps(option['default'])}`" if "default" in option else "computed"
    texts = _paragraphs(option["description"])
    if "choices" in option:
        texts.append(f"Choices: {', '.join(f'`{choice}`' for choice in option['choices'])}.")
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in (f"`{name}`", kind, default, " ".join(texts))) + " |"


_TAGS = {
    "install": "installs packages",
    "configure": "changes the host to what the variables say",
    "measure": "measures and reports",
    "verify": "reads and compares with the variables, or reports; with this tag alone the declared state is not changed",
}


def tags_of(tasks: list[dict[str, Any]]) -> set[str]:
    """The tags of the tasks of a role."""
    return {tag for task in tasks for tag in task.get("tags", ())}


def _tags(tasks: list[dict[str, Any]]) -> Iterator[str]:
    found = tags_of(tasks)
    if found:
        yield "## Tags"
        yield "\n".join(
            ["| tag | what it plays |", "| --- | --- |", *(f"| `{tag}` | {text} |" for tag, text in _TAGS.items() if tag in found)]
        )
    if "always" in found:
        yield "Checks of the variables and of the host are played with every tag."


def _entry_point(name: str, entry: dict[str, Any], main: dict[str, Any]) -> Iterator[str]:
    """The sections of one entry point; of one with the variables of C(main), a reference to them."""
    title = "" if name == "main" else f"## Entry point `{name}`"
    yield "\n\n".join(filter(None, [title, f"{to_markdown(entry['short_description'])}.", *_paragraphs(entry["description"])]))
    if "examples" in entry:
        yield f"{'##' if name == 'main' else '###'} Example\n\n```yaml\n{entry['examples'].strip()}\n```"
    if name != "main" and entry["options"] == main["options"]:
        yield "The variables are those of `main`."
        return
    rows = [_row(*item) for item in entry["options"].items()]
    yield f"{'##' if name == 'main' else '###'} Variables"
    yield "\n".join(["| variable | type | default | description |", "| --- | --- | --- | --- |", *rows])
    if any("| computed |" in row for row in rows):
        yield "`computed`: [defaults/main.yml](defaults/main.yml) works the value out from other variables, as the description says."


def render(role: str, specs: dict[str, dict[str, Any]], tasks: list[dict[str, Any]]) -> str:
    """The README of a role."""
    parts = [f"{_HEAD}\n# fleetlab.linux.{role}"]
    for name, entry in specs.items():
        parts.extend(_entry_point(name, entry, specs["main"]))
        if name == "main":
            parts.extend(_tags(tasks))
    return "\n\n".join(parts) + "\n"


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def outdated(roles: Path) -> dict[Path, str]:
    """The READMEs that differ from their specifications, each with the text that it should have."""
    found = {}
    for specs in sorted(roles.glob("*/meta/argument_specs.yml")):
        folder = specs.parents[1]
        text = render(folder.name, _load(specs)["argument_specs"], _load(folder / "tasks" / "main.yml") or [])
        readme = folder / "README.md"
        if not readme.exists() or readme.read_text(encoding="utf-8") != text:
            found[readme] = text
    return found


def main(arguments: list[str], roles: Path = ROLES) -> int:
    """Write the outdated READMEs, or name them."""
    found = outdated(roles)
    if arguments == ["--check"]:
        for readme in found:
            print(
                f"{readme.relative_to(roles.parent)} differs from meta/argument_specs.yml of the role: run 'make format'", file=sys.stderr
            )
        return 1 if found else 0
    for readme, text in found.items():
        readme.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
