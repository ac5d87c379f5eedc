# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would a module refuse the options that a role will give it? Known before the role changes anything, by the module's own checks. Pure."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Tuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session import options as session
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target import options as target

_MODULES: Dict[str, Tuple[Dict[str, Any], Callable[[Mapping[str, Any]], Any]]] = {
    "iscsi_session": (session.argument_spec(), session.make_wanted),
    "iscsi_target": (target.argument_spec(), target.make_wanted),
}


def refusal(options: Mapping[str, Any], module: str) -> str:
    """Why the module, C(iscsi_session) or C(iscsi_target), would refuse the options; empty if it would not."""
    specification, make_wanted = _MODULES[module]
    checked = ArgumentSpecValidator(specification).validate(_plain(options))
    if checked.error_messages:
        return "; ".join(checked.error_messages)
    try:
        make_wanted(checked.validated_parameters)
    except InputError as error:
        return str(error)
    return ""


def _plain(value: Any) -> Any:
    """The same value in lists and dictionaries of Python. Those of Ansible's templates have all variables of the host with them, which the
    validator would copy: that took two seconds.
    """
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
