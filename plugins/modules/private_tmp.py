#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a service its own /tmp in which nothing can be executed, or install the launcher that gives one to any command."""

from __future__ import annotations

DOCUMENTATION = r"""
module: private_tmp
short_description: A private /tmp, without execution, for a service or a command
version_added: 0.1.0
description:
  - With O(service) one drop-in gives a systemd service its own C(/tmp) and C(/var/tmp), mounted with C(noexec), C(nosuid) and C(nodev).
    systemd's own C(PrivateTmp) has none of these.
  - The mounts that the service really has are read from C(/proc/PID/mountinfo) of each of its processes, and returned. If they differ
    from the options after a restart, the task fails.
  - The service is restarted with O(restart) only. Otherwise RV(restart_needed) says whether a restart is needed.
  - What the service would lose is named in warnings before - files below C(/tmp) that it executes, its own files there and their size,
    C(TMPDIR) or a working directory below C(/tmp), and commands such as C(ExecStartPre) that name C(/tmp).
  - A service that does not stay up after the restart gets its former files back and is started with them; the task fails with its last
    lines.
  - With O(launcher) a program is installed that gives a private C(/tmp) to any command, such as a cron job, an init script or a shell.
    C(private-tmp [--user U] [--options LIST] -- COMMAND) mounts, drops privileges, runs the command, and ends with the command's exit
    code or signal; signals are passed on, and the files behind C(/tmp) are removed, also after C(kill -9). The user gets the environment of
    a login; other variables are passed on by their names, with C(--keep).
  - A missing unit, a template, a unit whose settings contradict the options, and files that this module did not write are refused before
    anything changes, in check mode too.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  service:
    description:
      - The service, with or without C(.service). A template needs an instance, such as V(getty@tty1).
      - Exactly one of O(service) and O(launcher) is needed.
    type: str
  launcher:
    description:
      - Path of the installed launcher, such as V(/usr/local/sbin/private-tmp). The launcher is a single file and needs Python 3.8 or later.
      - The options for the C(/tmp) of a command are given on the command line of the launcher.
    type: path
  state:
    description:
      - V(absent) removes the drop-in, and the unit behind O(backing=disk), or the launcher.
      - While a service still runs with a folder on disk, the unit stays, because the folder would be removed with it. The unit is removed
        with O(restart), or by the next run after a restart.
    type: str
    choices: [present, absent]
    default: present
  backing:
    description:
      - V(tmpfs), the default, keeps files in memory. Each process that systemd starts for the service, such as C(ExecStartPre) and
        C(ExecReload), gets an empty tmpfs. Its files are lost when the service stops.
      - V(disk) keeps files in a folder of root, below C(/var/lib/private-tmp-services). All processes of the service share the folder. It
        is mounted by a separate unit, C(private-tmp-NAME.service), and removed when the service stops. V(disk) also works for a unit with
        settings, such as C(DynamicUser) or C(ReadWritePaths), that take precedence over a tmpfs.
    type: str
    choices: [tmpfs, disk]
  size:
    description:
      - Limit of C(/tmp) and of C(/var/tmp), each, with O(backing=tmpfs), in bytes, with V(K), V(M) or V(G), or as a percentage of the
        memory. At least V(64K).
      - If omitted, it is V(10%).
    type: str
  mode:
    description:
      - Mode of C(/tmp), in octal digits and quotes, with a 7 for its owner.
      - C(/tmp) belongs to root and to the group that the service's unit names. V(0770) gives only this group access.
      - If omitted, it is V(1777).
    type: str
  options:
    description:
      - Mount options that C(/tmp) must have. If omitted, all three.
      - With O(backing=tmpfs), C(nodev) is always set.
    type: list
    elements: str
    choices: [noexec, nosuid, nodev]
  host_paths:
    description:
      - Paths below the host's C(/tmp) or C(/var/tmp) that the service sees nevertheless, such as V(/tmp/.X11-unix), with the host's mount
        options. They must exist when the task runs. If a path is missing when the service starts, it starts without it.
    type: list
    elements: path
  share:
    description:
      - Name of a C(/tmp) that services have in common. Services with the same name here see the same files; other services do not. It is on
        disk, as with O(backing=disk), in a folder below C(/var/lib/private-tmp-shared) that is emptied when the last of them stops.
      - All of them need the same O(mode) and O(options). With the mode V(1777) each of their users can read what the others let everybody
        read; V(0770) needs the same group for all.
      - 1 to 32 letters, digits, hyphens and underscores.
    type: str
  restart:
    description:
      - Whether a running service is restarted if its mounts differ from its unit. A stopped service is not started.
    type: bool
    default: false
  settle:
    description:
      - For how many seconds a restarted service is watched. If it ends or is started again by systemd in this time, its former files are
        given back. Needs O(restart).
      - If omitted, it is V(10). Between V(0) and V(600).
    type: int
requirements:
  - systemd 247 or later, for O(service)
notes:
  - The service no longer sees the files in the host's C(/tmp). A warning lists the files and sockets there that it shares with others.
  - A process of the same user outside can read the private C(/tmp) through C(/proc/PID/root), and the service can read the host's in the
    same way. Give the service its own user.
  - Two runs on one host wait for each other, up to two minutes.
  - C(noexec) refuses to execute files. An interpreter that may be executed still reads a script from there.
seealso:
  - module: fleetlab.linux.netns
"""

EXAMPLES = r"""
- name: Give nginx a /tmp of 64 MiB in which nothing can be executed
  fleetlab.linux.private_tmp:
    service: nginx
    size: 64M
  notify: Restart nginx

- name: The same on disk, with a restart of the service
  fleetlab.linux.private_tmp:
    service: nginx
    backing: disk
    restart: true

- name: Watch a Java service for a minute; it executes libraries that it unpacks to /tmp, and needs the host's X server
  fleetlab.linux.private_tmp:
    service: viewer
    options: [nosuid, nodev]
    host_paths: [/tmp/.X11-unix]
    restart: true
    settle: 60

- name: Let a web server and its application exchange files in a /tmp that no other service sees
  fleetlab.linux.private_tmp:
    service: "{{ item }}"
    share: web
    restart: true
  loop: [nginx, php8.2-fpm]

- name: Find out which services have to be restarted
  fleetlab.linux.private_tmp:
    service: "{{ item }}"
  loop: [nginx, php8.2-fpm]
  register: isolated

- name: Remove the private /tmp
  fleetlab.linux.private_tmp:
    service: nginx
    state: absent
    restart: true

- name: Install the launcher
  fleetlab.linux.private_tmp:
    launcher: /usr/local/sbin/private-tmp

- name: Use the launcher in a cron job
  ansible.builtin.cron:
    name: report
    hour: "5"
    minute: "0"
    job: /usr/local/sbin/private-tmp --user www-data --keep LANG --backing disk --mode 0770 -- /usr/local/bin/report
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [mkdir, --parents, /etc/systemd/system/nginx.service.d]
    - [write-file, /etc/systemd/system/nginx.service.d/zz-private-tmp.conf, '0644']
    - [systemctl, daemon-reload]
restart_needed:
  description:
    - Whether the service runs with another C(/tmp) than declared, and has to be restarted.
    - In check mode the value that it would have after the task.
  returned: with O(service)
  type: bool
  sample: false
problems:
  description:
    - A sentence for each process whose mounts differ from the declaration, and one if the service has failed with its private C(/tmp).
    - Empty if no mount differs, and while no process runs.
  returned: with O(service)
  type: list
  elements: str
  sample: ["process 612 (nginx): /tmp is that of the host"]
proof:
  description: The mounts of each process of the service, read from its mountinfo. Empty while the service does not run.
  returned: with O(service)
  type: list
  elements: dict
  contains:
    pid:
      description: Id of the process.
      type: int
    name:
      description: Name of the process.
      type: str
    path:
      description: V(/tmp) or V(/var/tmp).
      type: str
    private:
      description: Whether the process sees other files below this path than the host.
      type: bool
    fstype:
      description: The kind of the file system that is mounted there, or null.
      type: str
    options:
      description: Mount options in force.
      type: list
      elements: str
    size:
      description: Limit of a tmpfs in bytes, or null.
      type: int
  sample:
    - pid: 612
      name: nginx
      path: /tmp
      private: true
      fstype: tmpfs
      options: [rw, nosuid, nodev, noexec]
      size: 67108864
shared:
  description: Files and sockets below the host's C(/tmp) that the service and other processes had open before the task.
  returned: with O(service)
  type: list
  elements: dict
  contains:
    path:
      description: Path of the file or socket.
      type: str
    kind:
      description: V(file) or V(socket).
      type: str
    users:
      description: The other processes, as C(name[pid]). Empty for a listening socket of the service without connections.
      type: list
      elements: str
  sample:
    - path: /tmp/app.sock
      kind: socket
      users: ["php-fpm8.2[734]"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, run
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import Runner
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.launcher import observe_launcher
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.service import observe, require
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.options import (
    ARGUMENT_SPEC,
    Wanted,
    WantedLauncher,
    make_wanted,
    make_wanted_launcher,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.plan import plan, plan_launcher
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.show import returned, with_shared_of
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.state import LauncherState, State

LOCK = Lock("private_tmp", "private /tmp")


def service(runner: Runner, host: Host) -> Wing[Wanted, State]:
    """The form of the module for a service."""
    return Wing(
        make_wanted=make_wanted,
        require=lambda: require(host),
        lock=LOCK,
        observe=lambda wanted: observe(wanted.service, runner, host, wanted.host_paths, wanted.share),
        plan=plan,
        operations=lambda wanted: operations(wanted, lambda name: observe(name, runner, host, wanted.host_paths, wanted.share), runner),
        carry_over=with_shared_of,
        returned=returned,
    )


def launcher(host: Host) -> Wing[WantedLauncher, LauncherState]:
    """The form of the module for the launcher."""
    return Wing(
        make_wanted=make_wanted_launcher,
        require=lambda: require(host),
        lock=LOCK,
        observe=lambda wanted: observe_launcher(wanted.path, host),
        plan=plan_launcher,
        returned=lambda _state, _wanted, _plan: {},
    )


def main() -> None:
    """Run the form that the options select."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        mutually_exclusive=[("service", "launcher")],
        required_one_of=[("service", "launcher")],
        supports_check_mode=True,
    )
    runner, host = host_runner(), Host()
    if module.params["launcher"] is not None:
        run(module, launcher(host), runner)
    run(module, service(runner, host), runner)


if __name__ == "__main__":
    main()
