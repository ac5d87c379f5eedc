# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out the operations of a plan through LIO's own Python library, rtslib-fb."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
from typing import Any, Callable, List, Mapping, Optional

from ..._core.errors import FleetlabError, ObservationError
from ..._core.plan import Operations, WriteFile, write_file
from ..._host.distribution import packages_for
from ..._host.files import Host
from ..names import parse_portal
from .saved import merge, read_saved, render
from .state import TPG, reservation_folder

LIBRARY = "rtslib_fb"


class LioError(FleetlabError):
    """The library or the kernel did not accept a change."""


def require_library() -> None:
    """Fail early, also in check mode, if the library is missing; only an operation imports it.

    :raises ObservationError: with the packages to install.
    """
    if importlib.util.find_spec(LIBRARY) is None:
        raise ObservationError(f"the Python library {LIBRARY} was not found for {sys.executable}: install {packages_for('rtslib')}")


def operations() -> Operations:
    """The operations of L(plan), by name."""
    through_library = (
        create_target,
        make_reservation_folder,
        remove_target,
        enable_target,
        set_target_attribute,
        add_portal,
        remove_portal,
        create_backstore,
        remove_backstore,
        set_backstore_path,
        set_backstore_serial,
        set_backstore_attribute,
        add_lun,
        remove_lun,
        add_acl,
        remove_acl,
        set_acl_attribute,
        set_chap,
        map_lun,
        unmap_lun,
        allow_writes,
        save,
    )
    return {"create_file": create_file, **{operation.__name__: _lio(operation) for operation in through_library}}


def _lio(operation: Callable[..., None]) -> Callable[..., None]:
    """The operation with the library as its first argument, and with the library's errors as L(LioError)."""

    @functools.wraps(operation)
    def wrapped(**arguments: Any) -> None:
        library = importlib.import_module(LIBRARY)
        error: Any = library.RTSLibError
        try:
            operation(library, **arguments)
        except error as problem:
            raise LioError(str(problem)) from None

    return wrapped


def _group(library: Any, iqn: str) -> Any:
    return library.TPG(library.Target(library.FabricModule("iscsi"), iqn, mode="lookup"), TPG, mode="lookup")


def _acl(library: Any, iqn: str, initiator: str) -> Any:
    return library.NodeACL(_group(library, iqn), initiator, mode="lookup")


def _backstore(library: Any, plugin: str, name: str) -> Any:
    kind = library.BlockStorageObject if plugin == "block" else library.FileIOStorageObject
    return kind(name)


def create_file(path: str, size: int) -> None:
    """Create a backing file and reserve its space, so that no write of an initiator fails later because the disk is full."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        # A file without a name, so that an interrupted run leaves no file.
        descriptor = os.open(os.path.dirname(path), os.O_RDWR | os.O_TMPFILE, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
            os.fsync(descriptor)
            # With a folder descriptor Python follows the link in /proc; unlike a rename, a link never replaces a file.
            os.link(f"/proc/self/fd/{descriptor}", os.path.basename(path), src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(descriptor)
        os.fsync(folder)
    finally:
        os.close(folder)


def create_target(library: Any, iqn: str) -> None:
    """Create the target, or after an interrupted run only its group; the target is disabled."""
    library.RTSRoot()
    library.TPG(library.Target(library.FabricModule("iscsi"), iqn), TPG)


def make_reservation_folder(library: Any) -> None:
    """Make the folder in which LIO writes down reservations, so that initiators can reserve their disks, also beyond a restart."""
    os.makedirs(reservation_folder(library.RTSRoot().dbroot), mode=0o700, exist_ok=True)


def remove_target(library: Any, iqn: str) -> None:
    """Remove a target with its LUNs, portals and ACLs."""
    library.Target(library.FabricModule("iscsi"), iqn, mode="lookup").delete()


def enable_target(library: Any, iqn: str) -> None:
    """Let initiators log in."""
    _group(library, iqn).enable = True


def set_target_attribute(library: Any, iqn: str, attribute: str, value: str) -> None:
    """Set an attribute, or an iSCSI parameter if its name is capitalised."""
    group = _group(library, iqn)
    if attribute[0].isupper():
        group.set_parameter(attribute, value)
        _check_kept(attribute, value, group.get_parameter(attribute))
    else:
        group.set_attribute(attribute, value)
        _check_kept(attribute, value, group.get_attribute(attribute))


def _check_kept(attribute: str, value: str, kept: str) -> None:
    # The kernel ignores some writes without an error; without this check every run would report a change.
    if kept.strip() != value:
        raise LioError(f"the kernel keeps {attribute} at {kept.strip()}: {value} is not possible here")


def add_portal(library: Any, iqn: str, portal: str) -> None:
    """Listen on one more address."""
    parsed = parse_portal("portal", portal)
    library.NetworkPortal(_group(library, iqn), f"[{parsed.host}]" if parsed.is_ipv6 else parsed.host, parsed.port)


def remove_portal(library: Any, iqn: str, portal: str) -> None:
    """Stop listening at a portal, whatever spelling of its address LIO has."""
    for listening in _group(library, iqn).network_portals:
        if str(parse_portal("portal", f"{listening.ip_address}:{listening.port}")) == portal:
            listening.delete()


def create_backstore(
    library: Any, plugin: str, name: str, path: str, serial: str, size: Optional[int] = None, write_back: bool = False
) -> None:
    """Create the storage object of a block device or a file."""
    library.RTSRoot()
    if plugin == "block":
        library.BlockStorageObject(name, dev=path, wwn=serial)
    else:
        library.FileIOStorageObject(name, dev=path, size=size, wwn=serial, write_back=write_back)


def remove_backstore(library: Any, plugin: str, name: str) -> None:
    """Remove a storage object; its device or file stays unchanged."""
    _find_backstore(library, plugin, name).delete()


def _find_backstore(library: Any, plugin: str, name: str) -> Any:
    for backstore in library.RTSRoot().storage_objects:
        if (backstore.plugin, backstore.name) == (plugin, name):
            return backstore
    raise LioError(f"the backstore {plugin}/{name} no longer exists")


def set_backstore_path(library: Any, plugin: str, name: str, path: str) -> None:
    """Set the path by which the same disk is found at boot."""
    with open(f"{_backstore(library, plugin, name).path}/udev_path", "w", encoding="utf-8") as stream:
        stream.write(path)


def set_backstore_serial(library: Any, plugin: str, name: str, serial: str) -> None:
    """Set the unit serial; the kernel refuses while a LUN uses the backstore."""
    _backstore(library, plugin, name).wwn = serial


def set_backstore_attribute(library: Any, plugin: str, name: str, attribute: str, value: str) -> None:
    """Set an attribute of a storage object."""
    backstore = _backstore(library, plugin, name)
    backstore.set_attribute(attribute, value)
    _check_kept(attribute, value, backstore.get_attribute(attribute))


def add_lun(library: Any, iqn: str, lun: int, plugin: str, name: str) -> None:
    """Export a storage object."""
    library.LUN(_group(library, iqn), lun, _backstore(library, plugin, name))


def remove_lun(library: Any, iqn: str, lun: int) -> None:
    """Remove a LUN and its mapped LUNs."""
    library.LUN(_group(library, iqn), lun).delete()


def add_acl(library: Any, iqn: str, initiator: str) -> None:
    """Create an ACL for an initiator; it has no mapped LUN yet."""
    library.NodeACL(_group(library, iqn), initiator)


def remove_acl(library: Any, iqn: str, initiator: str) -> None:
    """Remove an ACL, so that its initiator can no longer log in."""
    _acl(library, iqn, initiator).delete()


def set_acl_attribute(library: Any, iqn: str, initiator: str, attribute: str, value: str) -> None:
    """Set an attribute of an ACL."""
    acl = _acl(library, iqn, initiator)
    acl.set_attribute(attribute, value)
    _check_kept(attribute, value, acl.get_attribute(attribute))


def set_chap(
    library: Any,
    iqn: str,
    initiator: str,
    username: Optional[str] = None,
    password: Optional[str] = None,
    mutual_username: Optional[str] = None,
    mutual_password: Optional[str] = None,
) -> None:
    """Set an initiator's credentials, or clear them with None. Running sessions stay."""
    acl = _acl(library, iqn, initiator)
    values = {
        "chap_userid": username,
        "chap_password": password,
        "chap_mutual_userid": mutual_username,
        "chap_mutual_password": mutual_password,
    }
    for name, value in values.items():
        setattr(acl, name, value or "")


def map_lun(library: Any, iqn: str, initiator: str, lun: int) -> None:
    """Map a LUN to an initiator, under the same number."""
    library.MappedLUN(_acl(library, iqn, initiator), lun, lun, write_protect=False)


def unmap_lun(library: Any, iqn: str, initiator: str, lun: int) -> None:
    """Remove the mapping of a LUN to an initiator."""
    library.MappedLUN(_acl(library, iqn, initiator), lun).delete()


def allow_writes(library: Any, iqn: str, initiator: str, lun: int) -> None:
    """Remove the write protection of a mapped LUN."""
    library.MappedLUN(_acl(library, iqn, initiator), lun).write_protect = False


def save(library: Any, path: str, iqn: str, **keep: Any) -> None:
    """Replace this target's entries in the saved file. See L(merge) for C(keep)."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    target: Optional[Mapping[str, Any]] = None
    backstores: List[Mapping[str, Any]] = []
    for running in library.RTSRoot().targets:
        if running.fabric_module.name == "iscsi" and running.wwn == iqn:
            target = running.dump()
            backstores = [lun.storage_object.dump() for group in running.tpgs for lun in group.luns]
    # In place of a file that a power cut has emptied, all that runs is saved.
    saved = read_saved(Host(), path).document
    document = merge(library.RTSRoot().dump() if saved is None else saved, iqn, target, backstores, **keep)
    write_file(WriteFile(path, render(document), mode=0o600))
