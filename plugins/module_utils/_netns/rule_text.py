# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of nftables in JSON as a person reads them, much as nft prints them. What is not known here stays JSON. Pure."""

from __future__ import annotations

import json
from typing import Any, Mapping, Sequence


def rule_text(expressions: Sequence[Any]) -> str:
    """The expressions of a rule."""
    return " ".join(_expression(one) for one in expressions)


def _expression(one: Any) -> str:
    if not isinstance(one, dict) or len(one) != 1:
        return one if isinstance(one, str) else _json(one)
    (name, value), *_others = one.items()
    if value is None or name == "counter":
        # A counter says what has passed, which is no part of the rule.
        return str(name)
    if name == "match":
        operator = "" if value["op"] in ("==", "in") else f"{value['op']} "
        return f"{_operand(value['left'])} {operator}{_operand(value['right'])}"
    if name == "dnat" and set(value) <= {"addr", "family", "port"}:
        return " ".join(word for word in ("dnat", value.get("family", ""), "to", _place(value)) if word)
    if name in ("jump", "goto"):
        return f"{name} {value['target']}"
    if name == "mangle" and set(value["key"]) == {"meta"}:
        return f"meta {value['key']['meta']['key']} set {_operand(value['value'])}"
    return _json(one)


def _place(value: Mapping[str, Any]) -> str:
    address = str(value.get("addr", ""))
    return (
        f"[{address}]:{value['port']}"
        if "port" in value and ":" in address
        else f"{address}:{value['port']}"
        if "port" in value
        else address
    )


def _operand(one: Any) -> str:
    if isinstance(one, list):
        return f"{{ {', '.join(map(_operand, one))} }}"
    if not isinstance(one, dict) or len(one) != 1:
        return str(one)
    (name, value), *_others = one.items()
    known = _OPERANDS.get(name)
    try:
        return known(value) if known else _json(one)
    except (KeyError, TypeError):
        return _json(one)


_OPERANDS: Mapping[str, Any] = {
    "meta": lambda value: str(value["key"]),
    "ct": lambda value: f"ct {value['key']}",
    "payload": lambda value: f"{value['protocol']} {value['field']}",
    "fib": lambda value: f"fib {_words(value['flags'])} {value['result']}",
    "prefix": lambda value: f"{value['addr']}/{value['len']}",
    "range": lambda value: f"{value[0]}-{value[1]}",
    "set": _operand,
}


def _words(flags: Any) -> str:
    return flags if isinstance(flags, str) else " . ".join(flags)


def _json(one: Any) -> str:
    return json.dumps(one, sort_keys=True)
