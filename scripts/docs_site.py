# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source of the documentation's site: the pages of this repository in their places, and an index.

antsibull-docs adds the pages of plugins and roles in the folder C(collections), and scripts/docs_conf.py has the settings.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
GUIDES = {
    "Guides": [
        "storage",
        "timeouts",
        "benchmark",
        "lab",
        "aws",
        "faults",
        "memory",
        "isolation",
        "cron",
        "throughput",
        "tls",
        "ftpaccess",
        "patched-packages",
        "families",
    ],
    "About": ["glossary", "community", "architecture", "tests"],
}
TOP = ("README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md")

_TREE = re.compile(r"\]\((?:\.\./)*((?:tests|scripts|molecule|changelogs|plugins|vars|\.github)/?[^)#]*)\)")


def index() -> str:
    """The first page."""
    parts = ["# fleetlab.linux", "An Ansible collection for people who run groups of Linux machines."]
    parts.append("```{toctree}\n:maxdepth: 1\n\nOverview <README>\n```")
    for title, pages in GUIDES.items():
        parts.append(f"```{{toctree}}\n:caption: {title}\n:maxdepth: 1\n\n" + "\n".join(f"docs/{page}" for page in pages) + "\n```")
    parts.append("```{toctree}\n:caption: Reference\n:maxdepth: 1\n\ncollections/index\nCONTRIBUTING\nCODE_OF_CONDUCT\nCHANGELOG\n```")
    return "\n\n".join(parts) + "\n"


def convert(text: str, repository: str, version: str) -> str:
    """A page as Sphinx reads it.

    Pictures come from this checkout and not from the tag, links to code lead to the repository, and diagrams stay text.
    """
    text = text.replace(f"{raw_address(repository)}/{version}/docs/", "")
    # Pygments does not know these languages.
    text = text.replace("```mermaid", "```text").replace("```crontab", "```text")
    return _TREE.sub(lambda found: f"]({repository}/tree/main/{found[1]})", text)


def raw_address(repository: str) -> str:
    """The address below which the files of each tag are."""
    return repository.replace("https://github.com/", "https://raw.githubusercontent.com/")


def build(target: Path) -> None:
    """Write the source into a folder, which is made anew."""
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    shutil.rmtree(target, ignore_errors=True)
    # antsibull-docs wants its folder to exist.
    (target / "collections").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "docs_conf.py", target / "conf.py")
    (target / "index.md").write_text(index(), encoding="utf-8")
    pages = [*(ROOT / name for name in TOP), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")]
    for page in pages:
        place = target / page.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        text = convert(page.read_text(encoding="utf-8"), galaxy["repository"], galaxy["version"])
        orphan = "---\norphan: true\n---\n" if page.parts[-3] == "roles" else ""
        place.write_text(orphan + text, encoding="utf-8")
    for name in ("galaxy.yml", "meta/runtime.yml", "Makefile", "requirements.txt", "COPYING"):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, place)
    for file in [*ROOT.glob("docs/*.svg"), *ROOT.glob("docs/*.png"), *ROOT.glob("docs/*.json"), *ROOT.glob("roles/*/defaults/main.yml")]:
        place = target / file.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
