# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file from which LIO is restored at boot: read into the same model as the running targets, and changed for one target only. Pure,
except for L(read_saved).

The library saves all running objects, and so loses every object that failed to start. This file replaces only the entries of one
target; all other entries, running or not, stay unchanged.
"""

from __future__ import annotations

import json
from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from ..._core.errors import ObservationError
from ..._host.files import Host
from ..names import Portal, lenient_portal, stored_chap
from .state import TPG, Acl, Backstore, Key, MappedLun, Saved, Target

Document = Mapping[str, Any]


def read_saved(host: Host, path: str) -> Saved:
    """The content of the saved file.

    :raises ObservationError: the file exists and cannot be understood.
    """
    try:
        found = host.content(path)
    except UnicodeDecodeError:
        raise _damaged(path) from None
    return Saved(path) if found is None else parse_saved(path, found[0], private=not found[1] & 0o077)


def _damaged(path: str) -> ObservationError:
    return ObservationError(f"{path} is damaged: replace it by a good copy, or move it away if none of its targets is needed any more")


def parse_saved(path: str, text: str, private: bool = True) -> Saved:
    """The content of a saved file. An empty file, the result of a power cut, has no targets.

    :raises ObservationError: the text cannot be understood.
    """
    if not text.strip("\0 \n"):
        return Saved(path, None, private)
    try:
        document = json.loads(text)
        backstores = [_parse_backstore(entry) for entry in document.get("storage_objects", [])]
        targets = [_parse_target(entry) for entry in document.get("targets", []) if entry.get("fabric") == "iscsi"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(path) from None
    return Saved(
        path=path,
        document=document,
        private=private,
        targets={target.iqn: target for target in targets},
        backstores={backstore.key: backstore for backstore in backstores},
    )


def _words(values: Mapping[str, Any]) -> Dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _parse_backstore(entry: Document) -> Backstore:
    return Backstore(
        plugin=entry["plugin"],
        name=entry["name"],
        path=str(entry.get("dev") or ""),
        serial=str(entry.get("wwn") or ""),
        size=entry.get("size"),
        attributes=_words(entry.get("attributes", {})),
    )


def _parse_target(entry: Document) -> Target:
    groups = {group["tag"]: group for group in entry.get("tpgs", [])}
    group = groups.get(TPG, {})
    acls = [_parse_acl(acl) for acl in group.get("node_acls", [])]
    return Target(
        iqn=entry["wwn"],
        enabled=bool(group.get("enable", False)),
        attributes=_words({**group.get("attributes", {}), **group.get("parameters", {})}),
        portals={_parse_portal(portal): _spelling(portal) for portal in group.get("portals", [])},
        luns={lun["index"]: _parse_key(lun["storage_object"]) for lun in group.get("luns", [])},
        acls={acl.initiator: acl for acl in acls},
        has_group=TPG in groups,
        other_groups=tuple(sorted(tag for tag in groups if tag != TPG)),
    )


def _spelling(portal: Document) -> str:
    return f"{portal['ip_address']}:{portal['port']}"


def _parse_portal(entry: Document) -> Portal:
    return lenient_portal(entry["ip_address"], entry["port"])


def _parse_key(storage_object: str) -> Optional[Key]:
    parts = storage_object.split("/")
    return (parts[2], parts[3]) if len(parts) == 4 else None


def _parse_acl(entry: Document) -> Acl:
    attributes = _words(entry.get("attributes", {}))
    names = ("chap_userid", "chap_password", "chap_mutual_userid", "chap_mutual_password")
    return Acl(
        initiator=entry["node_wwn"],
        chap=stored_chap(*(str(entry.get(name) or "") for name in names)),
        mapped=tuple(
            MappedLun(mapped["index"], mapped["tpg_lun"], bool(mapped.get("write_protect"))) for mapped in entry.get("mapped_luns", [])
        ),
        authentication=attributes.pop("authentication", None),
        attributes=attributes,
    )


def merge(
    document: Optional[Document],
    iqn: str,
    running: Optional[Document],
    backstores: Sequence[Document],
    forget: Collection[str] = (),
    keep_luns: Collection[int] = (),
    keep_portals: Collection[str] = (),
    keep_acls: Collection[str] = (),
    exact_acls: Collection[str] = (),
) -> Dict[str, Any]:
    """The document with the entries of one target replaced.

    :arg running: the library's dump of the target, None to remove it from the document.
    :arg backstores: the library's dumps of its backstores.
    :arg forget: backstores (plugin/name) that were removed.
    :arg keep_luns: saved LUNs that stay although they do not run now; C(keep_portals) and C(keep_acls) are the same for their objects.
    :arg exact_acls: initiators that get no mapping of a kept LUN.
    """
    result: Dict[str, Any] = {"fabric_modules": [], "storage_objects": [], "targets": [], **(document or {})}
    fresh = {_object_name(entry): entry for entry in backstores}
    result["storage_objects"] = [
        fresh.pop(_object_name(entry), entry) for entry in result["storage_objects"] if _object_name(entry) not in forget
    ] + list(fresh.values())
    old = [entry for entry in result["targets"] if entry["wwn"] == iqn]
    others = [entry for entry in result["targets"] if entry["wwn"] != iqn]
    if running is None:
        return {**result, "targets": others}
    merged = _with_kept(running, old[0] if old else None, keep_luns, keep_portals, keep_acls, exact_acls)
    position = result["targets"].index(old[0]) if old else len(others)
    return {**result, "targets": others[:position] + [merged] + others[position:]}


def _object_name(entry: Document) -> str:
    return f"{entry['plugin']}/{entry['name']}"


def _with_kept(
    running: Document,
    old: Optional[Document],
    luns: Collection[int],
    portals: Collection[str],
    acls: Collection[str],
    exact: Collection[str],
) -> Dict[str, Any]:
    new_group, old_group = _group(running), _group(old)
    kept_luns = [lun for lun in old_group.get("luns", []) if lun["index"] in luns]
    kept_portals = [portal for portal in old_group.get("portals", []) if _spelling(portal) in portals]
    kept_acls = [acl for acl in old_group.get("node_acls", []) if acl["node_wwn"] in acls]
    old_acls = {acl["node_wwn"]: acl for acl in old_group.get("node_acls", [])}
    group = {
        **new_group,
        "luns": list(new_group["luns"]) + kept_luns,
        "portals": list(new_group["portals"]) + kept_portals,
        "node_acls": [
            acl if acl["node_wwn"] in exact else _with_kept_mappings(acl, old_acls.get(acl["node_wwn"]), luns)
            for acl in new_group["node_acls"]
        ]
        + kept_acls,
    }
    return {**running, "tpgs": [group if entry["tag"] == TPG else entry for entry in running["tpgs"]]}


def _with_kept_mappings(acl: Document, old: Optional[Document], luns: Collection[int]) -> Dict[str, Any]:
    indexes = {mapped["index"] for mapped in acl["mapped_luns"]}
    kept = [mapped for mapped in (old or {}).get("mapped_luns", []) if mapped["tpg_lun"] in luns and mapped["index"] not in indexes]
    return {**acl, "mapped_luns": list(acl["mapped_luns"]) + kept}


def _group(entry: Optional[Document]) -> Document:
    groups: List[Document] = list((entry or {}).get("tpgs", []))
    return next((group for group in groups if group["tag"] == TPG), {})


def render(document: Document) -> str:
    """The text of a saved file, in the library's layout."""
    return json.dumps(document, sort_keys=True, indent=2) + "\n"


def same_as_saved(target: Target, saved: Saved, backstores: Mapping[Key, Backstore]) -> bool:
    """Whether a restart would restore a target as it runs now."""
    other = saved.targets.get(target.iqn)
    if other is None or (target.enabled, dict(target.luns), set(target.portals)) != (other.enabled, dict(other.luns), set(other.portals)):
        return False
    keys = [key for key in target.luns.values() if key is not None]
    return (
        same_values(target.attributes, other.attributes)
        and target.acls.keys() == other.acls.keys()
        and all(_same_acl(acl, other.acls[name]) for name, acl in target.acls.items())
        and all(same_backstore(backstores.get(key), saved.backstores.get(key)) for key in keys)
    )


def same_values(running: Mapping[str, str], saved: Mapping[str, str]) -> bool:
    """Whether the attributes in both mappings agree; another kernel may know more or fewer attributes."""
    return all(saved[name] == value for name, value in running.items() if name in saved)


def _same_acl(running: Acl, saved: Acl) -> bool:
    return _comparable(running) == _comparable(saved) and same_values(running.attributes, saved.attributes)


def _comparable(acl: Acl) -> Tuple[Any, ...]:
    return (acl.chap, sorted((mapped.index, mapped.lun, mapped.write_protect) for mapped in acl.mapped))


def same_backstore(running: Optional[Backstore], saved: Optional[Backstore]) -> bool:
    """Whether the saved backstore is the same disk with the same behaviour."""
    if running is None or saved is None:
        return running is saved
    return (running.path, running.serial) == (saved.path, saved.serial) and same_values(running.attributes, saved.attributes)
