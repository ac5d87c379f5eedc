# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that a task gives for one object, or for many in a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Hashable, List, Mapping, Sequence, Tuple, TypeVar

from .errors import InputError

Made = TypeVar("Made")


@dataclass(frozen=True)
class Entry:
    """The options of one object; C(prefix) is put before their names in errors, such as C(arrays[0].)."""

    prefix: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Entries:
    """The options of one object, which a task gives at its top level, or in each entry of the list C(key).

    C(names) are the options that identify an object: every entry must have them. C(exclusive) are groups of options that exclude each
    other. C(defaults) apply to both forms, but only the argument spec of an entry has them: at the top level they would hide whether a
    task gives both forms.
    """

    key: str
    names: Tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    exclusive: Tuple[Tuple[str, ...], ...] = ()

    def argument_spec(self) -> Dict[str, Dict[str, Any]]:
        """The options of the module for its objects, in both forms."""
        entry = {name: self._of_entry(name, dict(option)) for name, option in self.options.items()}
        listed: Dict[str, Any] = {"type": "list", "elements": "dict", "options": entry}
        if self.exclusive:
            listed["mutually_exclusive"] = [list(group) for group in self.exclusive]
        return {**{name: dict(option) for name, option in self.options.items()}, self.key: listed}

    def _of_entry(self, name: str, option: Dict[str, Any]) -> Dict[str, Any]:
        if name in self.names:
            option["required"] = True
        if name in self.defaults:
            option["default"] = self.defaults[name]
        return option

    def mutually_exclusive(self) -> List[Tuple[str, ...]]:
        """The list excludes every option of one object, which would have no effect beside it."""
        return [*self.exclusive, *((self.key, name) for name in self.options)]

    def read(self, params: Mapping[str, Any]) -> Tuple[Entry, ...]:
        """The objects of the task, in its order, with the defaults of omitted options; empty if the task names none."""
        if params[self.key] is not None:
            return tuple(Entry(f"{self.key}[{number}].", self._with_defaults(entry)) for number, entry in enumerate(params[self.key]))
        given = {name: params.get(name) for name in self.options}
        return () if given[self.names[0]] is None else (Entry("", self._with_defaults(given)),)

    def _with_defaults(self, given: Mapping[str, Any]) -> Dict[str, Any]:
        # An entry also needs this, because Ansible keeps an explicit null.
        return {**given, **{name: value for name, value in self.defaults.items() if given.get(name) is None}}

    def is_one(self, params: Mapping[str, Any]) -> bool:
        """Whether the task gives one object at its top level, so that the module returns one object."""
        return params[self.key] is None

    def check_twice(self, made: Sequence[Made], identity: Callable[[Made], Hashable], label: Callable[[Made], str]) -> None:
        """Check that every object has one entry.

        :raises InputError: two entries name the same object.
        """
        seen: Dict[Hashable, int] = {}
        for number, one in enumerate(made):
            first = seen.setdefault(identity(one), number)
            if first != number:
                raise InputError(f"{self.key}[{number}]", f"{label(one)} is named twice: {self.key}[{first}] has it already")
