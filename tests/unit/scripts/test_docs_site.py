# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source of the documentation's site; a warning of Sphinx over it fails the session docs of nox."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.scripts.docs_conf import address_of
from ansible_collections.fleetlab.linux.scripts.docs_site import GUIDES, ROOT, build, convert

REPOSITORY = "https://github.com/o/r"


def test_every_guide_is_in_the_index() -> None:
    assert sorted(page for pages in GUIDES.values() for page in pages) == sorted(path.stem for path in ROOT.glob("docs/*.md"))


@pytest.mark.parametrize(
    ("text", "converted"),
    [
        ("![a](https://raw.githubusercontent.com/o/r/1.0.0/docs/a.svg)", "![a](a.svg)"),
        ("```mermaid\nflowchart\n```", "```text\nflowchart\n```"),
        ("[t](../tests/bench/netns.py)", "[t](https://github.com/o/r/tree/main/tests/bench/netns.py)"),
        ("[s](storage.md#limits) [r](../roles/tz_cron/README.md)", "[s](storage.md#limits) [r](../roles/tz_cron/README.md)"),
    ],
)
def test_a_page_shows_this_checkout_and_leads_to_the_repository(text: str, converted: str) -> None:
    assert convert(text, REPOSITORY, "1.0.0") == converted


@pytest.mark.parametrize(
    ("label", "end"),
    [
        ("common_return_values", "/reference_appendices/common_return_values.html"),
        ("ansible_collections.amazon.aws.ec2_instance_module", "/collections/amazon/aws/ec2_instance_module.html"),
        ("ansible_collections.fleetlab.linux.lost_module", None),
        ("lost", None),
    ],
)
def test_only_labels_of_other_documentation_lead_away(label: str, end: str | None) -> None:
    address = address_of(label)
    assert address is None if end is None else str(address).endswith(end)


def test_the_source_has_pages_and_pictures_in_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build(tmp_path / "source")
    build(tmp_path / "source")
    for name in ("conf.py", "index.md", "galaxy.yml", "docs/storage.md", "docs/scaling.svg", "roles/tz_cron/README.md", "collections"):
        assert (tmp_path / "source" / name).exists(), name
