# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels of SELinux survive the replacement of a file. A namespace with a file system of its own has real attributes, without SELinux."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core import labels
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import WriteFile, write_file

OLD = b"system_u:object_r:mdadm_conf_t:s0\0"
SCRIPT = """
import os, subprocess, sys
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import WriteFile, write_file
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", sys.argv[1]], check=True)
os.chdir(sys.argv[1])
open("old", "w").close()
os.setxattr("old", "security.selinux", b"system_u:object_r:mdadm_conf_t:s0\\0")
write_file(WriteFile("old", "new content"))
os.symlink("old", "link")
write_file(WriteFile("link", "no link"))
write_file(WriteFile("fresh", "x"))
def label(name):
    return os.getxattr(name, "security.selinux") if "security.selinux" in os.listxattr(name) else None
print([open("old").read(), label("old"), os.path.islink("link"), label("link"), label("fresh"), sorted(os.listdir("."))])
"""


def test_a_replaced_file_keeps_its_label(tmp_path: Path) -> None:
    apart = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    command = [*apart, sys.executable, "-c", SCRIPT, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(Path(labels.__file__).parents[6])}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    content, old, is_link, link, fresh, names = ast.literal_eval(done.stdout)
    assert (content, old) == ("new content", OLD)
    # The new file in the place of a link has neither the label of the link nor that of its target.
    assert (is_link, link, fresh) == (False, None, None)
    assert names == ["fresh", "link", "old"]


class Policy:
    """What libselinux answers."""

    def __init__(self, enabled: int, answer: tuple[int, str | None]) -> None:
        self.enabled, self.answer, self.asked = enabled, answer, ""

    def is_selinux_enabled(self) -> int:
        return self.enabled

    def matchpathcon(self, path: str, _mode: int) -> tuple[int, str | None]:
        self.asked = path
        return self.answer


@pytest.mark.parametrize(
    ("policy", "label"),
    [
        (Policy(1, (0, "system_u:object_r:mdadm_conf_t:s0")), OLD),
        (Policy(1, (-1, None)), None),
        (Policy(0, (0, "system_u:object_r:mdadm_conf_t:s0")), None),
        (None, None),
    ],
)
def test_a_new_file_has_the_label_of_the_policy(
    tmp_path: Path, policy: Policy | None, label: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    monkeypatch.setattr(labels, "selinux", policy)
    monkeypatch.setattr(os, "setxattr", lambda *arguments, **_options: written.append(arguments[1:]))
    write_file(WriteFile(str(tmp_path / "mdadm.conf"), "x"))
    assert written == ([("security.selinux", label)] if label else [])
    assert policy is None or policy.asked in ("", str(tmp_path / "mdadm.conf"))


def test_a_label_that_may_not_be_set_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(labels, "label_of", lambda path: OLD if path.endswith("/file") else None)
    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(PermissionError):
        write_file(WriteFile(str(tmp_path / "file"), "new"))
    assert (tmp_path / "file").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
