# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make this checkout importable as ansible_collections.fleetlab.linux, wherever it lies, for plain pytest."""

from __future__ import annotations

import atexit
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Iterator, Optional

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about what is tested.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For what differs between Pythons and versions of ansible-core, which no plan does.
settings.register_profile("matrix", settings.get_profile("project"), max_examples=15)
settings.load_profile("project")


def _install_finder() -> None:
    root = Path(__file__).resolve().parents[2]
    if root.parent.name == "fleetlab" and root.parents[1].name == "ansible_collections":
        tree = root.parents[2]
    else:
        tree = Path(tempfile.mkdtemp(prefix="fleetlab-units-"))
        atexit.register(shutil.rmtree, str(tree), ignore_errors=True)
        link = tree / "ansible_collections" / "fleetlab" / "linux"
        link.parent.mkdir(parents=True)
        link.symlink_to(root)
    if "ansible_collections" in sys.modules:
        return
    try:
        from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
    except ModuleNotFoundError:
        # The Python of a managed host, which gets Ansible's module_utils alone.
        sys.path.insert(0, str(tree))
    else:
        _AnsibleCollectionFinder(paths=[str(tree)])._install()


_install_finder()

_MODULE_UTILS = Path(__file__).resolve().parent / "plugins" / "module_utils"
_OF_ANSIBLE = re.compile(r"^\s*(?:from|import) (?:ansible\b|ansible_collections\.fleetlab\.linux\.plugins\.modules\b)", re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Few tests of module_utils import Ansible, or a module, which does. For the others the version of ansible-core does not matter."""
    parser.addoption("--of-ansible", action="store_true", help="leave out the tests of module_utils that do not import Ansible")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> Optional[bool]:
    """Leave these tests out, if the option asks for that."""
    left_out = config.getoption("--of-ansible") and collection_path.suffix == ".py" and _MODULE_UTILS in collection_path.parents
    return True if left_out and not _OF_ANSIBLE.search(collection_path.read_text(encoding="utf-8")) else None


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """What this run was told to ignore, by nohup or a shell that put it into the background, every command it starts would ignore too."""
    numbers = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    before = [signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL) for number in numbers]
    yield
    for number, handler in zip(numbers, before):
        signal.signal(number, handler)
