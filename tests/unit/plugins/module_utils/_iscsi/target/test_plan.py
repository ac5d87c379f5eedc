# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import (
    Command,
    MakeDirectory,
    Operation,
    Plan,
    RemoveFile,
    WriteFile,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Chap, Portal, parse_portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.boot import drop_in_content
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.changes import Removals, whole_target
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.state import (
    Acl,
    Backstore,
    Boot,
    MappedLun,
    PathFacts,
    Saved,
    Session,
    State,
    Target,
    Wanted,
    WantedAcl,
    WantedLun,
    derived_serial,
)

IQN = "iqn.2026-01.com.example:one"
OTHER = "iqn.2026-01.com.example:other"
CLIENT = "iqn.2026-01.com.example:client"
SECOND = "iqn.2026-01.com.example:second"
CHAP = Chap("client", "first-secret-1", "server", "second-secret")
UNIT = "rtslib-fb-targetctl.service"
SAVED_PATH = "/etc/rtslib-fb-target/saveconfig.json"
ENFORCED = {"authentication": "1", "generate_node_acls": "0"}


def disk(path: str, device: str, **more: Any) -> PathFacts:
    return PathFacts(path, "block", device=device, size=2**29, rotational=True, **more)


PATHS = {
    "/dev/vg/a": disk("/dev/vg/a", "253:0"),
    "/dev/vg/b": disk("/dev/vg/b", "253:1"),
    "/srv/f": PathFacts("/srv/f", "missing"),
}
LUNS = (
    WantedLun(0, "block", "a", "/dev/vg/a"),
    WantedLun(1, "block", "b", "/dev/vg/b", attributes={"emulate_tpu": "1"}),
    WantedLun(2, "fileio", "f", "/srv/f", size=2**26),
)
EMPTY = State(Saved(SAVED_PATH), Boot(UNIT), kernel_ready=False, paths=PATHS)
WANTED = Wanted(IQN, luns=LUNS, acls=(WantedAcl(CLIENT, CHAP),), attributes=ENFORCED)


class Machine:
    """What the kernel and the library do, as far as the model of a target goes."""

    def __init__(self, system: State) -> None:
        self.system = system
        self.targets: Dict[str, Target] = dict(system.targets)
        self.backstores: Dict[Tuple[str, str], Backstore] = dict(system.backstores)
        self.paths = dict(system.paths)
        self.saved = system.saved
        self.boot = system.boot
        self.kernel_ready = system.kernel_ready
        self.foreign = {key: iqns - set(system.targets) for key, iqns in system.exports.items()}

    def result(self) -> State:
        exports: Dict[Tuple[str, str], frozenset[str]] = {key: frozenset(iqns) for key, iqns in self.foreign.items() if iqns}
        for iqn, target in self.targets.items():
            for key in target.luns.values():
                if key is not None:
                    exports[key] = exports.get(key, frozenset()) | {iqn}
        return replace(
            self.system,
            saved=self.saved,
            boot=self.boot,
            kernel_ready=self.kernel_ready,
            targets=self.targets,
            backstores=self.backstores,
            exports=exports,
            paths=self.paths,
        )

    def carry_out(self, steps: Tuple[Any, ...]) -> "Machine":
        for step in steps:
            if isinstance(step, Operation):
                getattr(self, step.name)(**step.arguments)
            elif isinstance(step, WriteFile):
                assert self.boot.folder_exists
                self.boot = replace(self.boot, drop_in=step.content)
            elif isinstance(step, RemoveFile):
                self.boot = replace(self.boot, drop_in=None)
            elif isinstance(step, MakeDirectory):
                self.boot = replace(self.boot, folder_exists=True)
            else:
                self.command(step)
        return self

    def command(self, step: Command) -> None:
        if step.argv[0] == "modprobe":
            self.kernel_ready = True
        else:
            assert step.argv[:2] == ("systemctl", "enable")
            self.boot = replace(self.boot, enabled=True)

    def change(self, iqn: str, **changes: Any) -> None:
        self.targets[iqn] = replace(self.targets[iqn], **changes)

    def create_target(self, iqn: str) -> None:
        defaults = {"authentication": "0", "generate_node_acls": "0", "login_timeout": "15"}
        self.targets[iqn] = Target(iqn, attributes=defaults)

    def remove_target(self, iqn: str) -> None:
        del self.targets[iqn]

    def enable_target(self, iqn: str) -> None:
        self.change(iqn, enabled=True)

    def set_target_attribute(self, iqn: str, attribute: str, value: str) -> None:
        self.change(iqn, attributes={**self.targets[iqn].attributes, attribute: value})

    def add_portal(self, iqn: str, portal: str) -> None:
        self.change(iqn, portals={**self.targets[iqn].portals, parse_portal("portal", portal): portal})

    def remove_portal(self, iqn: str, portal: str) -> None:
        parsed = parse_portal("portal", portal)
        self.change(iqn, portals={key: value for key, value in self.targets[iqn].portals.items() if key != parsed})

    def create_file(self, path: str, size: int) -> None:
        assert self.paths[path].kind == "missing"
        self.paths[path] = PathFacts(path, "file", device=path, size=size)

    def create_backstore(
        self, plugin: str, name: str, path: str, serial: str, size: Optional[int] = None, write_back: bool = False
    ) -> None:
        assert (plugin, name) not in self.backstores
        facts = self.paths[path]
        assert facts.kind != "missing"
        attributes = {"is_nonrot": "1", "emulate_tpu": "0", "emulate_write_cache": str(int(write_back))}
        self.backstores[plugin, name] = Backstore(plugin, name, path, serial, facts.size, facts.device, attributes=attributes)

    def remove_backstore(self, plugin: str, name: str) -> None:
        assert not any((plugin, name) in target.luns.values() for target in self.targets.values())
        del self.backstores[plugin, name]

    def set_backstore_path(self, plugin: str, name: str, path: str) -> None:
        self.backstores[plugin, name] = replace(self.backstores[plugin, name], path=path)

    def set_backstore_serial(self, plugin: str, name: str, serial: str) -> None:
        assert not any((plugin, name) in target.luns.values() for target in self.targets.values())
        self.backstores[plugin, name] = replace(self.backstores[plugin, name], serial=serial)

    def set_backstore_attribute(self, plugin: str, name: str, attribute: str, value: str) -> None:
        backstore = self.backstores[plugin, name]
        self.backstores[plugin, name] = replace(backstore, attributes={**backstore.attributes, attribute: value})

    def add_lun(self, iqn: str, lun: int, plugin: str, name: str) -> None:
        assert lun not in self.targets[iqn].luns
        assert self.backstores[plugin, name].configured
        self.change(iqn, luns={**self.targets[iqn].luns, lun: (plugin, name)})

    def remove_lun(self, iqn: str, lun: int) -> None:
        target = self.targets[iqn]
        acls = {name: replace(acl, mapped=tuple(mapped for mapped in acl.mapped if mapped.lun != lun)) for name, acl in target.acls.items()}
        self.change(iqn, luns={number: key for number, key in target.luns.items() if number != lun}, acls=acls)

    def change_acl(self, iqn: str, initiator: str, **changes: Any) -> None:
        acls = self.targets[iqn].acls
        self.change(iqn, acls={**acls, initiator: replace(acls[initiator], **changes)})

    def add_acl(self, iqn: str, initiator: str) -> None:
        assert initiator not in self.targets[iqn].acls
        acl = Acl(initiator, authentication="-1", attributes={"nopin_timeout": "15"})
        self.change(iqn, acls={**self.targets[iqn].acls, initiator: acl})

    def remove_acl(self, iqn: str, initiator: str) -> None:
        self.change(iqn, acls={name: acl for name, acl in self.targets[iqn].acls.items() if name != initiator})

    def set_acl_attribute(self, iqn: str, initiator: str, attribute: str, value: str) -> None:
        if attribute == "authentication":
            self.change_acl(iqn, initiator, authentication=value)
        else:
            self.change_acl(iqn, initiator, attributes={**self.targets[iqn].acls[initiator].attributes, attribute: value})

    def set_chap(self, iqn: str, initiator: str, **given: Optional[str]) -> None:
        username, password = given["username"], given["password"]
        chap = Chap(username, password, given["mutual_username"], given["mutual_password"]) if username and password else None
        self.change_acl(iqn, initiator, chap=chap)

    def map_lun(self, iqn: str, initiator: str, lun: int) -> None:
        mapped = self.targets[iqn].acls[initiator].mapped
        assert lun not in [entry.index for entry in mapped]
        assert self.targets[iqn].luns[lun] is not None
        self.change_acl(iqn, initiator, mapped=(*mapped, MappedLun(lun, lun)))

    def unmap_lun(self, iqn: str, initiator: str, lun: int) -> None:
        mapped = self.targets[iqn].acls[initiator].mapped
        assert lun in [entry.index for entry in mapped]
        self.change_acl(iqn, initiator, mapped=tuple(entry for entry in mapped if entry.index != lun))

    def allow_writes(self, iqn: str, initiator: str, lun: int) -> None:
        mapped = self.targets[iqn].acls[initiator].mapped
        self.change_acl(iqn, initiator, mapped=tuple(MappedLun(lun, lun) if entry.index == lun else entry for entry in mapped))

    def save(self, path: str, iqn: str, **keep: List[Any]) -> None:
        """As L(merge) does with documents, which has tests of its own."""
        targets, backstores = dict(self.saved.targets), dict(self.saved.backstores)
        old = targets.pop(iqn, Target(iqn))
        for name in keep.get("forget", ()):
            plugin, _slash, rest = name.partition("/")
            backstores.pop((plugin, rest), None)
        if iqn in self.targets:
            running = self.targets[iqn]
            backstores.update({key: self.backstores[key] for key in running.luns.values() if key is not None})
            luns = {number: key for number, key in old.luns.items() if number in keep.get("keep_luns", ())}
            portals = {portal: text for portal, text in old.portals.items() if text in keep.get("keep_portals", ())}
            acls = {name: acl for name, acl in old.acls.items() if name in keep.get("keep_acls", ())}
            for name, acl in running.acls.items():
                mapped = {entry.index: entry for entry in acl.mapped}
                if name in old.acls and name not in keep.get("exact_acls", ()):
                    mapped = {**{entry.index: entry for entry in old.acls[name].mapped if entry.lun in luns}, **mapped}
                acls[name] = replace(acl, mapped=tuple(mapped.values()), session=None)
            targets[iqn] = replace(running, luns={**luns, **running.luns}, portals={**portals, **running.portals}, acls=acls)
        self.saved = Saved(path, document={}, targets=targets, backstores=backstores)


def applied(system: State, wanted: Wanted) -> State:
    return Machine(system).carry_out(plan(system, wanted).steps).result()


def names(changes: Plan) -> List[str]:
    return [step.name if isinstance(step, Operation) else type(step).__name__ for step in changes.steps]


DONE = applied(EMPTY, WANTED)


def altered(system: State = DONE, **changes: Any) -> State:
    """The system with its target changed behind our back."""
    return replace(system, targets={**system.targets, IQN: replace(system.targets[IQN], **changes)})


def in_session(system: State = DONE, initiator: str = CLIENT) -> State:
    acl = replace(system.targets[IQN].acls[initiator], session=Session(initiator, "LOGGED_IN", ("192.0.2.7",)))
    return altered(system, acls={**system.targets[IQN].acls, initiator: acl})


class TestCreation:
    def test_a_second_run_changes_nothing(self) -> None:
        assert plan(DONE, WANTED).steps == ()

    def test_the_target_is_enabled_after_everything_else_of_it(self) -> None:
        order = names(plan(EMPTY, WANTED))
        running = order[: order.index("save")]
        assert running[-1] == "enable_target"
        assert running[0] == "Command"
        assert running[1:4] == ["create_target", "set_target_attribute", "set_target_attribute"]
        assert running.index("set_chap") < running.index("map_lun")

    def test_serials_are_derived_from_target_and_name(self) -> None:
        assert DONE.backstores["block", "a"].serial == derived_serial(IQN, "a")
        assert derived_serial(IQN, "a") != derived_serial(OTHER, "a")

    def test_derived_serials_never_change_between_versions(self) -> None:
        assert derived_serial("iqn.2026-01.com.example:one", "one-0") == "56aa27e0-6ad9-5de6-8a2f-9f37b4c6e953"

    def test_rotation_follows_the_device_unless_declared(self) -> None:
        assert DONE.backstores["block", "a"].attributes["is_nonrot"] == "0"
        declared = replace(WANTED, luns=(replace(LUNS[0], attributes={"is_nonrot": "1"}),))
        assert applied(EMPTY, declared).backstores["block", "a"].attributes["is_nonrot"] == "1"

    def test_a_given_serial_wins(self) -> None:
        serial = "0123456789abcdef0123456789abcdef"
        assert applied(EMPTY, replace(WANTED, luns=(replace(LUNS[0], serial=serial),))).backstores["block", "a"].serial == serial

    def test_no_secret_is_shown(self) -> None:
        changes = plan(EMPTY, WANTED)
        shown = repr((changes.commands(), changes.diff()))
        assert CHAP.password not in shown
        assert str(CHAP.mutual_password) not in shown
        assert CHAP.password not in repr(WANTED)

    def test_boot_waits_for_the_devices(self) -> None:
        assert DONE.boot.drop_in is not None
        assert "Wants=dev-vg-a.device\nAfter=dev-vg-a.device\n" in DONE.boot.drop_in
        assert DONE.boot.enabled
        folder = ["mkdir", "--parents", f"/etc/systemd/system/{UNIT}.d"]
        assert folder in plan(EMPTY, WANTED).commands()
        assert folder not in plan(replace(EMPTY, boot=replace(EMPTY.boot, folder_exists=True)), WANTED).commands()


class TestDrift:
    def test_an_attribute(self) -> None:
        changes = plan(altered(attributes={**DONE.targets[IQN].attributes, "authentication": "0"}), WANTED)
        assert names(changes) == ["set_target_attribute", "save"]
        assert changes.before["attributes"]["authentication"] == "0"

    def test_an_acl_that_lets_its_initiator_in_without_authentication(self) -> None:
        acl = replace(DONE.targets[IQN].acls[CLIENT], authentication="0")
        assert names(plan(altered(acls={CLIENT: acl}), WANTED)) == ["set_acl_attribute", "save"]

    def test_an_attribute_of_an_acl(self) -> None:
        wanted = replace(WANTED, acls=(WantedAcl(CLIENT, CHAP, attributes={"nopin_timeout": "0"}),))
        changes = plan(DONE, wanted)
        assert names(changes) == ["set_acl_attribute", "save"]
        assert changes.before["acls"][CLIENT]["attributes"] == {"nopin_timeout": "15"}
        assert changes.after["acls"][CLIENT]["attributes"] == {"nopin_timeout": "0"}
        unsaved = altered(acls={CLIENT: replace(DONE.targets[IQN].acls[CLIENT], attributes={"nopin_timeout": "0"})})
        assert names(plan(unsaved, wanted)) == ["save"]

    def test_a_secret(self) -> None:
        acl = replace(DONE.targets[IQN].acls[CLIENT], chap=replace(CHAP, password="another-secret"))
        changes = plan(altered(acls={CLIENT: acl}), WANTED)
        assert names(changes) == ["set_chap", "save"]
        assert changes.before["acls"][CLIENT]["chap"]["password"] == "another"
        assert changes.after["acls"][CLIENT]["chap"]["password"] == "as declared"
        assert "another-secret" not in repr(changes.diff())

    def test_mappings(self) -> None:
        mapped = (MappedLun(0, 0, write_protect=True), MappedLun(1, 0), MappedLun(7, 2))
        acl = replace(DONE.targets[IQN].acls[CLIENT], mapped=mapped)
        # 7 is somebody else's idea and stays.
        assert names(plan(altered(acls={CLIENT: acl}), WANTED)) == ["unmap_lun", "allow_writes", "map_lun", "map_lun", "save"]

    def test_a_given_list_of_luns_is_exact(self) -> None:
        wanted = replace(WANTED, acls=(WantedAcl(CLIENT, CHAP, luns=(0,)),))
        assert names(plan(DONE, wanted)) == ["unmap_lun", "unmap_lun", "save"]

    def test_a_disabled_target(self) -> None:
        assert names(plan(altered(enabled=False), WANTED)) == ["enable_target", "save"]

    def test_a_device_found_by_another_name_is_saved_by_the_declared_one(self) -> None:
        stores = {**DONE.backstores, ("block", "a"): replace(DONE.backstores["block", "a"], path="/dev/dm-0")}
        assert names(plan(replace(DONE, backstores=stores), WANTED)) == ["set_backstore_path", "save"]

    @pytest.mark.parametrize(
        "saved",
        [
            Saved(SAVED_PATH),
            replace(DONE.saved, private=False),
            replace(DONE.saved, targets={}),
            replace(DONE.saved, targets={IQN: replace(DONE.targets[IQN], enabled=False)}),
            replace(DONE.saved, targets={IQN: replace(DONE.targets[IQN], luns={})}),
            replace(DONE.saved, targets={IQN: replace(DONE.targets[IQN], acls={})}),
            replace(DONE.saved, backstores={}),
        ],
    )
    def test_the_saved_file(self, saved: Saved) -> None:
        assert names(plan(replace(DONE, saved=saved), WANTED)) == ["save"]

    def test_a_cleared_target_comes_back_as_the_same_disks(self) -> None:
        serial = "fedcba98-7654-3210-fedc-ba9876543210"
        stores = {**DONE.saved.backstores, ("block", "a"): replace(DONE.backstores["block", "a"], serial=serial)}
        cleared = replace(DONE, targets={}, backstores={}, exports={}, saved=replace(DONE.saved, backstores=stores))
        assert applied(cleared, WANTED).backstores["block", "a"].serial == serial

    def test_a_target_made_with_other_tools_keeps_its_serials(self) -> None:
        stores = {**DONE.backstores, ("block", "a"): replace(DONE.backstores["block", "a"], serial="made-elsewhere")}
        after = applied(replace(DONE, backstores=stores), WANTED)
        assert after.backstores["block", "a"].serial == "made-elsewhere"
        assert plan(after, WANTED).steps == ()


class TestForeign:
    MORE = altered(
        portals={Portal("0.0.0.0"): "0.0.0.0:3260", Portal("127.0.0.1", 3999): "127.0.0.1:3999"},
        luns={**DONE.targets[IQN].luns, 9: ("block", "theirs")},
        acls={**DONE.targets[IQN].acls, SECOND: Acl(SECOND, mapped=(MappedLun(9, 9),))},
    )
    THEIRS = replace(
        MORE,
        backstores={**DONE.backstores, ("block", "theirs"): Backstore("block", "theirs", "/dev/x", "s", device="8:0")},
        exports={**DONE.exports, ("block", "theirs"): frozenset({IQN})},
    )
    # The drop-in waits for their disk too.
    CONTENT = drop_in_content(whole_target(THEIRS, WANTED, Removals()), reservations="/etc/rtslib-fb-target/pr")
    THEIRS = replace(THEIRS, boot=replace(DONE.boot, drop_in=CONTENT))

    def test_stays(self) -> None:
        assert plan(self.THEIRS, WANTED).steps == ()

    def test_goes_with_exclusive(self) -> None:
        changes = plan(self.THEIRS, replace(WANTED, exclusive=True))
        assert names(changes) == ["remove_portal", "remove_acl", "remove_lun", "remove_backstore", "save", "WriteFile"]

    def test_a_list_that_is_left_out_is_not_looked_at(self) -> None:
        wanted = Wanted(IQN, attributes=ENFORCED, portals=tuple(self.THEIRS.targets[IQN].portals), exclusive=True)
        # Their portal is declared here and was not saved.
        assert names(plan(self.THEIRS, wanted)) == ["save"]

    def test_a_backstore_of_two_targets_stays(self) -> None:
        shared = replace(self.THEIRS, exports={**self.THEIRS.exports, ("block", "theirs"): frozenset({IQN, OTHER})})
        assert "remove_backstore" not in names(plan(shared, replace(WANTED, exclusive=True)))

    def test_what_could_not_be_restored_stays_saved(self) -> None:
        saved = replace(self.THEIRS.targets[IQN], acls={**self.THEIRS.targets[IQN].acls})
        system = replace(DONE, saved=replace(DONE.saved, targets={IQN: saved, OTHER: Target(OTHER)}))
        changed = replace(system, targets={IQN: replace(DONE.targets[IQN], enabled=False)})
        after = applied(changed, WANTED).saved
        assert OTHER in after.targets
        assert 9 in after.targets[IQN].luns
        assert SECOND in after.targets[IQN].acls
        assert Portal("127.0.0.1", 3999) in after.targets[IQN].portals

    def test_a_disk_in_use_is_not_taken_away(self) -> None:
        used = in_session(self.THEIRS, SECOND)
        with pytest.raises(RefusedError, match=f"takes disks from {SECOND}"):
            plan(used, replace(WANTED, exclusive=True))
        assert plan(used, replace(WANTED, exclusive=True, force=True)).changed
        assert plan(used, WANTED).steps == ()

    def test_a_lost_initiator_loses_its_acl_and_what_it_had(self) -> None:
        used = in_session(self.THEIRS, SECOND)
        assert plan(used, replace(WANTED, exclusive=True, lost_initiators=(SECOND,))).changed
        after = applied(used, replace(WANTED, lost_initiators=(SECOND,)))
        assert SECOND not in after.targets[IQN].acls
        assert SECOND not in after.saved.targets[IQN].acls
        assert 9 in after.targets[IQN].luns
        assert plan(after, replace(WANTED, lost_initiators=(SECOND,))).steps == ()

    def test_a_lost_initiator_is_forgotten_where_its_acl_is_only_saved(self) -> None:
        acls = {name: acl for name, acl in self.THEIRS.targets[IQN].acls.items() if name != SECOND}
        restarted = replace(self.THEIRS, targets={**self.THEIRS.targets, IQN: replace(self.THEIRS.targets[IQN], acls=acls)})
        assert plan(restarted, WANTED).steps == ()
        after = applied(restarted, replace(WANTED, lost_initiators=(SECOND,)))
        assert SECOND not in after.saved.targets[IQN].acls


class TestAbsent:
    GONE = Wanted(IQN, state="absent")

    def test_removes_everything_of_it(self) -> None:
        after = applied(DONE, self.GONE)
        assert (after.targets, after.backstores, after.saved.targets, after.saved.backstores) == ({}, {}, {}, {})
        assert after.boot.drop_in is None
        assert plan(after, self.GONE).steps == ()

    def test_also_where_it_is_only_saved(self) -> None:
        cleared = replace(DONE, targets={}, backstores={}, exports={})
        assert names(plan(cleared, self.GONE)) == ["save", "RemoveFile"]

    def test_leaves_what_another_target_uses(self) -> None:
        system = replace(DONE, exports={**DONE.exports, ("block", "a"): frozenset({IQN, OTHER})})
        assert ("block", "a") in applied(system, self.GONE).backstores

    def test_is_refused_while_initiators_are_logged_in(self) -> None:
        with pytest.raises(RefusedError, match=CLIENT):
            plan(in_session(), self.GONE)
        assert plan(in_session(), replace(self.GONE, force=True)).changed
        assert plan(in_session(), replace(self.GONE, lost_initiators=(CLIENT,))).changed


class TestKilled:
    """A run may end after any step: the next one completes it."""

    @pytest.mark.parametrize("wanted", [WANTED, replace(WANTED, exclusive=True)])
    def test_while_creating(self, wanted: Wanted) -> None:
        steps = plan(EMPTY, wanted).steps
        for count in range(len(steps)):
            half = Machine(EMPTY).carry_out(steps[:count]).result()
            target = half.targets.get(IQN)
            assert target is None or not target.enabled or target.attributes["authentication"] == "1"
            after = applied(half, wanted)
            assert plan(after, wanted).steps == ()
            assert after.targets == DONE.targets

    def test_while_removing(self) -> None:
        gone = Wanted(IQN, state="absent")
        steps = plan(DONE, gone).steps
        for count in range(len(steps)):
            after = applied(Machine(DONE).carry_out(steps[:count]).result(), gone)
            assert (after.targets, after.backstores, after.saved.targets) == ({}, {}, {})

    def test_while_removing_what_is_not_declared(self) -> None:
        saved = applied(TestForeign.THEIRS, replace(WANTED, attributes={**ENFORCED, "login_timeout": "20"}))
        wanted = replace(WANTED, exclusive=True)
        steps = plan(saved, wanted).steps
        for count in range(len(steps)):
            after = applied(Machine(saved).carry_out(steps[:count]).result(), wanted)
            assert set(after.backstores) == {lun.key for lun in LUNS}
            assert set(after.saved.backstores) == {lun.key for lun in LUNS}
            assert plan(after, wanted).steps == ()

    def test_inside_a_step(self) -> None:
        target = replace(
            DONE.targets[IQN],
            enabled=False,
            luns={0: ("block", "a"), 1: None},
            acls={CLIENT: Acl(CLIENT, Chap("client", ""), (MappedLun(0, None),), "-1")},
        )
        stores = {("block", "a"): DONE.backstores["block", "a"], ("block", "b"): Backstore("block", "b", "", "", configured=False)}
        half = replace(DONE, targets={IQN: target}, backstores=stores, exports={("block", "a"): frozenset({IQN})})
        assert plan(applied(half, WANTED), WANTED).steps == ()

    def test_between_a_backstore_and_its_serial(self) -> None:
        half = replace(EMPTY, backstores={("block", "a"): Backstore("block", "a", "/dev/vg/a", "", device="253:0")})
        assert applied(half, WANTED).backstores["block", "a"].serial == derived_serial(IQN, "a")


def _with_path(path: str, **facts: Any) -> State:
    return replace(EMPTY, paths={**PATHS, path: replace(PATHS[path], **facts)})


FOREIGN_A = Backstore("block", "theirs", "/dev/sdb", "s", device="253:0")


class TestRefusals:
    @pytest.mark.parametrize(
        ("system", "says"),
        [
            (_with_path("/dev/vg/a", kind="missing"), "/dev/vg/a does not exist"),
            (_with_path("/dev/vg/a", kind="file"), "/dev/vg/a is not a block device; for a file use file"),
            (_with_path("/dev/vg/a", kind="other"), "is not a block device"),
            (_with_path("/dev/vg/a", read_only=True), "read-only"),
            (_with_path("/dev/vg/a", size=0), "size of 0"),
            (_with_path("/dev/vg/a", uses=("dm-0 is held by md1",)), "held by md1"),
            (_with_path("/dev/vg/a", uses=("dm-0 is mounted on /mnt",)), "mounted on /mnt"),
            (_with_path("/dev/vg/a", claimed=True), "no exclusive access"),
            (_with_path("/dev/vg/a", open_problem="Input/output error"), "/dev/vg/a: refused: it cannot be opened: Input/output error"),
            (_with_path("/dev/vg/b", device="253:0"), "are the same disk"),
            (replace(EMPTY, paths={p: replace(f, wwid="naa.1" if f.kind == "block" else None) for p, f in PATHS.items()}), "same disk"),
            (_with_path("/srv/f", folder_exists=False), "the folder /srv does not exist"),
            (_with_path("/srv/f", kind="file", size=5), "the file has 5 bytes"),
            (_with_path("/srv/f", kind="block"), "for a block device use path"),
            (replace(EMPTY, backstores={("block", "theirs"): FOREIGN_A}), "exported already: backstore block/theirs"),
            (replace(EMPTY, backstores={("block", "a"): replace(FOREIGN_A, name="a", device="8:1")}), "stands for /dev/sdb"),
            (
                replace(EMPTY, backstores={("block", "a"): replace(FOREIGN_A, name="a")}, exports={("block", "a"): frozenset({OTHER})}),
                f"exported by {OTHER}",
            ),
            (replace(EMPTY, boot=replace(EMPTY.boot, masked=True)), "is masked"),
            (altered(luns={**DONE.targets[IQN].luns, 0: ("block", "theirs")}), "it is block/theirs"),
            (altered(luns={5: ("block", "a")}), "it is LUN 5"),
            (altered(other_groups=(2,)), "portal groups 2"),
            (replace(EMPTY, portal_problems={Portal("0.0.0.0"): "Address already in use"}), "Address already in use"),
            (replace(EMPTY, targets={OTHER: Target(OTHER, portals={Portal("192.0.2.1"): "192.0.2.1:3260"})}), "only one of these portals"),
            (replace(EMPTY, targets={OTHER: Target(OTHER, portals={Portal("::"): "[::]:3260"})}), "only one of these portals"),
        ],
    )
    def test_before_anything_changes(self, system: State, says: str) -> None:
        with pytest.raises(FleetlabError) as error:
            plan(system, WANTED)
        assert says in str(error.value)

    def test_a_portal_may_be_shared(self) -> None:
        shared = replace(EMPTY, targets={OTHER: Target(OTHER, portals={Portal("0.0.0.0"): "0.0.0.0:3260"})})
        assert plan(shared, WANTED).changed

    def test_a_portal_may_be_exchanged_with_exclusive(self) -> None:
        local = replace(WANTED, portals=(Portal("127.0.0.1"),))
        busy = replace(DONE, portal_problems={Portal("127.0.0.1"): "Address already in use"})
        with pytest.raises(RefusedError, match="Set exclusive"):
            plan(busy, local)
        order = names(plan(busy, replace(local, exclusive=True)))
        assert order.index("remove_portal") < order.index("add_portal")

    def test_an_attribute_that_is_fixed_while_exported(self) -> None:
        wanted = replace(WANTED, luns=(replace(LUNS[0], attributes={"block_size": "4096"}),))
        with pytest.raises(RefusedError, match="block_size"):
            plan(DONE, wanted)

    def test_a_serial_that_would_make_another_disk(self) -> None:
        wanted = replace(WANTED, luns=(replace(LUNS[0], serial="0123456789abcdef0123456789abcdef"),))
        with pytest.raises(RefusedError, match="another disk to its initiators"):
            plan(DONE, wanted)

    def test_a_mapping_of_a_lun_that_is_not_there(self) -> None:
        with pytest.raises(InputError, match="no LUN 7"):
            plan(DONE, Wanted(IQN, acls=(WantedAcl(CLIENT, CHAP, luns=(7,)),), attributes=ENFORCED))


chaps = st.sampled_from([CHAP, Chap("client", "third-secret-3")])
numbers = st.sets(st.sampled_from([0, 1, 2]))


@st.composite
def wanteds(draw: st.DrawFn) -> Wanted:
    declared = draw(st.none() | numbers)
    luns = None if declared is None else tuple(LUNS[number] for number in sorted(declared))
    acls = draw(st.none() | st.sets(st.sampled_from([CLIENT, SECOND])))

    def acl(name: str) -> WantedAcl:
        mapped = draw(st.none() | st.sets(st.sampled_from(sorted(declared)))) if declared else None
        attributes = draw(st.sampled_from([{}, {"nopin_timeout": "0"}, {"nopin_timeout": "15"}]))
        return WantedAcl(name, draw(chaps), None if mapped is None else tuple(sorted(mapped)), attributes)

    return Wanted(
        IQN,
        state=draw(st.sampled_from(["present", "present", "present", "absent"])),
        portals=draw(st.sampled_from([(Portal("0.0.0.0"),), (Portal("127.0.0.1", 3261), Portal("::1", 3261))])),
        luns=luns,
        acls=None if acls is None else tuple(acl(name) for name in sorted(acls)),
        attributes={**ENFORCED, "login_timeout": draw(st.sampled_from(["15", "20"]))},
        exclusive=draw(st.booleans()),
        force=True,
    )


def planned(system: State, wanted: Wanted) -> Optional[Plan]:
    try:
        return plan(system, wanted)
    except FleetlabError:
        return None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(wanteds(), min_size=1, max_size=4), st.data())
def test_a_plan_after_its_application_is_empty(tasks: List[Wanted], data: st.DataObject) -> None:
    """Whatever was there before, killed wherever, and also with somebody else's changes in between."""
    system = EMPTY
    for wanted in tasks[:-1]:
        changes = planned(system, wanted)
        if changes is not None:
            count = data.draw(st.integers(0, len(changes.steps)))
            system = Machine(system).carry_out(changes.steps[:count]).result()
    changes = planned(system, tasks[-1])
    assume(changes is not None)
    assert changes is not None
    after = Machine(system).carry_out(changes.steps).result()
    again = plan(after, tasks[-1])
    assert again.steps == ()
    assert again.before == again.after


def partial_tasks() -> List[Wanted]:
    """Two tasks for one target, each of which names one of its LUNs, and neither its portals nor its authentication."""
    first = replace(WANTED, luns=LUNS[:1], keeps_portals=True, keeps_authentication=True)
    return [first, replace(first, luns=LUNS[1:2], acls=None)]


def test_two_tasks_for_one_target_leave_one_drop_in_and_then_change_nothing() -> None:
    first, second = partial_tasks()
    after = applied(DONE, first)
    for task in (second, first):
        assert plan(after, task).steps == ()
    assert after.boot.drop_in == DONE.boot.drop_in
    cleared = replace(DONE, boot=replace(DONE.boot, drop_in=None))
    assert applied(cleared, first).boot.drop_in == applied(cleared, second).boot.drop_in == DONE.boot.drop_in


def test_a_lun_that_is_only_saved_is_waited_for_too() -> None:
    target = replace(DONE.targets[IQN], luns={0: ("block", "a"), 2: ("fileio", "f")})
    lost = replace(DONE, targets={IQN: target}, backstores={key: one for key, one in DONE.backstores.items() if key[1] != "b"})
    task = partial_tasks()[0]
    assert applied(replace(lost, boot=replace(DONE.boot, drop_in=None)), task).boot.drop_in == DONE.boot.drop_in


def test_what_a_running_target_has_is_neither_opened_nor_required_anew() -> None:
    portals = {Portal("192.0.2.1", 3261): "192.0.2.1:3261"}
    open_target = replace(DONE.targets[IQN], portals=portals, attributes={**ENFORCED, "authentication": "0", "generate_node_acls": "1"})
    theirs = replace(DONE, targets={IQN: replace(open_target, acls={})})
    changes = plan(theirs, partial_tasks()[1])
    assert not [step for step in changes.steps if isinstance(step, Operation) and step.name in ("add_portal", "set_target_attribute")]
    after = Machine(theirs).carry_out(changes.steps).result()
    assert after.targets[IQN].portals == portals
    assert plan(after, partial_tasks()[1]).steps == ()
    with pytest.raises(InputError, match="credentials have no effect without authentication"):
        plan(theirs, partial_tasks()[0])


def test_portals_are_kept_whatever_is_said_of_authentication() -> None:
    portals = {Portal("192.0.2.1", 3261): "192.0.2.1:3261"}
    other = replace(DONE, targets={IQN: replace(DONE.targets[IQN], portals=portals)})
    kept = replace(WANTED, portals=(Portal("0.0.0.0"),), keeps_portals=True, keeps_authentication=False)
    assert "add_portal" not in names(plan(other, kept))
    assert "add_portal" in names(plan(other, replace(kept, keeps_portals=False, keeps_authentication=True)))


def test_a_new_target_gets_the_values_of_a_new_target() -> None:
    after = applied(EMPTY, partial_tasks()[0])
    assert list(after.targets[IQN].portals) == [Portal("0.0.0.0")]
    assert after.targets[IQN].attributes["authentication"] == "1"


def test_a_host_that_cannot_keep_reservations_learns_it() -> None:
    deaf = replace(DONE, keeps_reservations=False)
    assert names(plan(deaf, WANTED)) == ["make_reservation_folder", "save"]


def test_a_file_that_a_power_cut_has_emptied_is_said() -> None:
    emptied = replace(DONE, saved=Saved(SAVED_PATH), targets={**DONE.targets, OTHER: Target(OTHER, enabled=True)})
    assert plan(emptied, WANTED).warnings == (
        f"{SAVED_PATH} names no target, and would have lost {OTHER} at the next boot: all that runs is saved now",
    )


def test_a_target_with_files_only_waits_for_nothing_more() -> None:
    assert drop_in_content(Wanted(IQN, luns=(LUNS[2],))) is None


def test_a_unit_that_cannot_stop_learns_it_at_once() -> None:
    """What it waits for is of use at a boot only; how it stops, already at the next shutdown."""
    wanted = Wanted(IQN, luns=(LUNS[2],))
    for clear_fails in (False, True):
        changes = plan(replace(EMPTY, boot=Boot(UNIT, enabled=True, clear_fails=clear_fails)), wanted)
        reloads = [step for step in changes.steps if isinstance(step, Command) and "daemon-reload" in step.argv]
        assert len(reloads) == int(clear_fails)
