# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the variables of a host to the command that reads it from the controller, or to the reason why one pass cannot.

Ansible's own ssh plugin makes the command, so that users, ports, keys, jump hosts, options and host keys are those of every other
play. What it would do over several steps, such as typing a password, is left to the action and named.
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
"""Variables whose values are not looked at."""
_OTHERS = ("ansible_connection", "ansible_shell_type", "ansible_become", "ansible_become_method")


class NotHonoured(Exception):
    """A setting of a host that one pass cannot follow; the message names it."""


@functools.lru_cache(maxsize=None)
def names_of_variables() -> FrozenSet[str]:
    """The variables that say how a host is reached, but for secrets, as the plugins that reach it declare them."""
    plugins = {"connection": connection_loader.get(_SSH_PLUGIN, PlayContext(), None), "become": become_loader.get("sudo")}
    declared = [name for kind, plugin in plugins.items() for name in constants.config.get_plugin_vars(kind, plugin._load_name)]
    return frozenset((*declared, *_OTHERS)) - SECRETS


def ssh_command(host: str, variables: Mapping[str, Any], key_exchange: Optional[str] = None) -> List[str]:
    """The argument list that prints a reading of the host.

    :arg variables: of the host, with its groups' and with no templates left in them.
    :arg key_exchange: the algorithms to agree on keys by, unless the host has its own.
    :raises NotHonoured: the host needs the action.
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
    # Before the address, and after all else: of an option that is there twice, ssh takes the first.
    return [*argv[:-2], "-o", f"KexAlgorithms={key_exchange}", *argv[-2:]] if key_exchange else argv


def _option(name: str, default: Any) -> Any:
    """What an option of the command line says, where the program has it."""
    said = context.CLIARGS.get(name)
    return default if said is None else said


def _with_become(variables: Mapping[str, Any], user: Optional[str]) -> str:
    """The command as the user that reads; passwordless sudo or nothing.

    :arg user: who it is that logs in, None where that is left to ssh.
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
        # As a task does: who is root already often has no sudo.
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
    # What the task executor adds to the variables of a host before it connects.
    options.setdefault("inventory_hostname", host)
    plugin.set_options(var_options=options)
    # Talkative, a connection that stays open (ControlPersist) keeps the stream to write to, which then never ends.
    plugin.set_option("verbosity", 0)
    if plugin.has_option("private_key") and plugin.get_option("private_key"):
        raise NotHonoured("private_key: one pass hands no keys to an agent; name a file")
    plugin.host = plugin.get_option("host")
    plugin.user = plugin.get_option("remote_user")
    command = f"/bin/sh -c {shlex.quote(_with_become(variables, plugin.user))}"
    built = plugin._build_command(plugin.get_option("ssh_executable"), "ssh", plugin.host, command)
    argv = [word.decode() if isinstance(word, bytes) else word for word in built]
    # A thousand hosts cannot each ask whether their key is right: an unknown one fails, and is named.
    return [argv[0], "-o", "BatchMode=yes", *argv[1:]]
