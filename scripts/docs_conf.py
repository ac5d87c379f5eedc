# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of Sphinx for the documentation's site (conf.py there)."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

project = "fleetlab.linux"
project_copyright = "2026, fleetlab.linux contributors"
_galaxy = next(folder / "galaxy.yml" for folder in Path(__file__).resolve().parents if (folder / "galaxy.yml").exists())
_found = re.search(r"(?m)^version: (\S+)$", _galaxy.read_text(encoding="utf-8"))
version = release = _found[1] if _found else ""
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
# The theme's own links lead to pages of Ansible.
html_theme_options = {
    "topbar_links": {"fleetlab.linux": "https://github.com/fleetlab/fleetlab.linux"},
    "documentation_home_url": "index.html",
}
html_title = f"fleetlab.linux {version}"
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_heading_anchors = 4
pygments_style = "ansible"

_ANSIBLE = "https://docs.ansible.com/ansible/latest"
_LABELS = {
    "common_return_values": "reference_appendices/common_return_values.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "action_plugins": "plugins/action.html",
}


def address_of(label: str) -> str | None:
    """The address of a label of Ansible's own documentation, and of the modules of other collections."""
    other = re.fullmatch(r"ansible_collections\.(?!fleetlab\.)(\w+)\.(\w+)\.(\w+)", label)
    path = f"collections/{other[1]}/{other[2]}/{other[3]}.html" if other else _LABELS.get(label)
    return path and f"{_ANSIBLE}/{path}"


def _resolve(_app: Any, _env: Any, node: Any, text: Any) -> Any:
    address = address_of(node["reftarget"]) if node.get("reftype") == "ref" else None
    if address is None:
        return None
    nodes = importlib.import_module("docutils.nodes")
    return nodes.reference("", "", text, refuri=address, internal=False)


def setup(app: Any) -> None:
    """Register what Sphinx calls for a reference that no page here has."""
    app.connect("missing-reference", _resolve)
