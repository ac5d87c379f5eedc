# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that reads a host from the controller, built from the host's variables, or the reason why one pass cannot read the host.

Ansible's own ssh plugin builds the command, so that users, ports, keys, jump hosts, options and host keys are the same as in a play.
A host that needs several steps, such as a password, is refused with the reason, and the action can read it.
"""

from __future__ import annotations

import functools
import getpass
import shlex
from typing import Any, FrozenSet, List, Mapping, Optional

from ansible import constants, context
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import COMMAND

_SSH_PLUGIN = "ansible.builtin.ssh"
_SSH = ("ssh", _SSH_PLUGIN, "smart")
_LOCAL = ("local", "ansible.builtin.local")
_SUDO = ("sudo", "ansible.builtin.sudo")
_PASSWORDS = (
    "ansible_password",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_private_key",
    "ansible_private_key_passphrase",
    "ansible_ssh_private_key",
    "ansible_ssh_private_key_passphrase",
)
_BECOME_PASSWORDS = ("ansible_become_password", "ansible_become_pass", "ansible_sudo_password", "ansible_sudo_pass")
SECRETS = frozenset((*_PASSWORDS, *_BECOME_PASSWORDS))
"""Variables whose values are not read."""
_OTHERS = ("ansible_connection", "ansible_shell_type", "ansible_become", "ansible_become_method")


class NotHonoured(Exception):
    """A setting of a host that one pass does not support; the message names it."""


@functools.lru_cache(maxsize=None)
def names_of_variables() -> FrozenSet[str]:
    """The connection variables without the secrets, as the plugins for the connection and become declare them."""
    plugins = {"connection": connection_loader.get(_SSH_PLUGIN, PlayContext(), None), "become": become_loader.get("sudo")}
    declared = [name for kind, plugin in plugins.items() for name in constants.config.get_plugin_vars(kind, plugin._load_name)]
    return frozenset((*declared, *_OTHERS)) - SECRETS


def ssh_command(host: str, variables: Mapping[str, Any], key_exchange: Optional[str] = None) -> List[str]:
    """The argument list that prints a reading of the host.

    :arg variables: the variables of the host and its groups, with all templates evaluated.
    :arg key_exchange: the key exchange algorithms, unless the host's ssh arguments name some.
    :raises NotHonoured: only the action can read the host.
    """
    connection = variables.get("ansible_connection", _option("connection", constants.DEFAULT_TRANSPORT))
    if str(variables.get("ansible_shell_type")).rpartition(".")[2] in ("powershell", "cmd"):
        raise NotHonoured("ansible_shell_type: no POSIX shell")
    if connection in _LOCAL:
        return ["/bin/sh", "-c", _with_become(variables, getpass.getuser())]
    if connection not in _SSH:
        raise NotHonoured(f"ansible_connection: {connection}")
    for name in _PASSWORDS:
        if name in variables:
            raise NotHonoured(f"{name}: one pass types no secrets")
    argv = _ssh(host, variables)
    # The option stands after all other options, because ssh takes the first of an option that is given twice.
    return [*argv[:-2], "-o", f"KexAlgorithms={key_exchange}", *argv[-2:]] if key_exchange else argv


def _option(name: str, default: Any) -> Any:
    """The value of an option of the command line, if the program has this option."""
    said = context.CLIARGS.get(name)
    return default if said is None else said


def _with_become(variables: Mapping[str, Any], user: Optional[str]) -> str:
    """The command, run as the become user by sudo without a password.

    :arg user: the user who logs in, None if ssh decides.
    """
    if not _truth(variables.get("ansible_become", _option("become", False) or constants.DEFAULT_BECOME)):
        return COMMAND
    method = variables.get("ansible_become_method", _option("become_method", constants.DEFAULT_BECOME_METHOD))
    if method not in _SUDO:
        raise NotHonoured(f"ansible_become_method: {method}")
    for name in _BECOME_PASSWORDS:
        if name in variables:
            raise NotHonoured(f"{name}: one pass types no secrets")
    plugin = become_loader.get("sudo")
    plugin.set_options(task_keys={"become_user": _option("become_user", None)}, var_options=dict(variables))
    become_user = plugin.get_option("become_user") or "root"
    if become_user == user and not constants.BECOME_ALLOW_SAME_USER:
        # As for a task: root often has no sudo.
        return COMMAND
    folder = plugin.get_option("sudo_chdir")
    words = ["cd", shlex.quote(folder), "&&"] if folder else []
    words += [plugin.get_option("become_exe") or "sudo", plugin.get_option("become_flags") or ""]
    words += ["-u", shlex.quote(become_user), "/bin/sh", "-c", shlex.quote(COMMAND)]
    return " ".join(word for word in words if word)


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes", "on", "y", "t")


def _ssh(host: str, variables: Mapping[str, Any]) -> List[str]:
    plugin = connection_loader.get(_SSH_PLUGIN, PlayContext(), None)
    options = dict(variables)
    # The task executor adds this to the variables of a host before it connects.
    options.setdefault("inventory_hostname", host)
    plugin.set_options(var_options=options)
    # With a higher verbosity, a persistent connection (ControlPersist) keeps standard error open, which then never ends.
    plugin.set_option("verbosity", 0)
    if plugin.has_option("private_key") and plugin.get_option("private_key"):
        raise NotHonoured("private_key: one pass hands no keys to an agent; name a file")
    plugin.host = plugin.get_option("host")
    plugin.user = plugin.get_option("remote_user")
    command = f"/bin/sh -c {shlex.quote(_with_become(variables, plugin.user))}"
    built = plugin._build_command(plugin.get_option("ssh_executable"), "ssh", plugin.host, command)
    argv = [word.decode() if isinstance(word, bytes) else word for word in built]
    # ssh may not ask about unknown keys of a thousand hosts: such a host fails with the reason.
    return [argv[0], "-o", "BatchMode=yes", *argv[1:]]
