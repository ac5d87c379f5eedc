#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a service a /tmp of its own in which nothing can be executed, or install the launcher that does so for any command."""

from __future__ import annotations

DOCUMENTATION = r"""
module: private_tmp
short_description: A /tmp of its own, without execution, for a service or a command
version_added: 0.1.0
description:
  - With O(service) one drop-in gives a systemd service a C(/tmp) and a C(/var/tmp) of its own, mounted with C(noexec), C(nosuid) and
    C(nodev). systemd's own C(PrivateTmp) has none of these.
  - What the service really has is read from C(/proc/PID/mountinfo) of every process of it, and returned. A restart that does not bring
    what was asked for fails the task.
  - The service is restarted with O(restart) only. Otherwise RV(restart_needed) says whether it has to be.
  - With O(launcher) a program is installed that does the same for anything else, such as a cron job, an init script or a shell.
    C(private-tmp [--user U] [--options LIST] -- COMMAND) mounts, drops privileges, runs the command, and ends with its exit code or
    by its signal; signals are passed on, and what was behind C(/tmp) is removed, also after C(kill -9).
  - A unit that is missing or a template, one that contradicts, and files of somebody else are refused before anything changes, in
    check mode too.
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
      - Where the launcher is installed, such as V(/usr/local/sbin/private-tmp). It is a program of its own and needs Python 3.8 or later.
      - How the C(/tmp) of a command is made is said on its command line.
    type: path
  state:
    description:
      - V(absent) removes the drop-in, and the unit behind O(backing=disk), or the launcher.
      - While a service still runs with a folder on disk, that unit stays, since the folder goes with it. It is removed with
        O(restart), or by the next run after a restart.
    type: str
    choices: [present, absent]
    default: present
  backing:
    description:
      - V(tmpfs), the default, keeps files in memory. Each process that systemd starts for the service, such as C(ExecStartPre) and
        C(ExecReload), gets an empty one. It is gone when the service stops.
      - V(disk) keeps them in a folder that is root's, below C(/var/lib/private-tmp-services). All processes of the service share it. It
        is mounted by a unit of its own, C(private-tmp-NAME.service), and removed when the service stops. It also does where the
        unit has settings, such as C(DynamicUser) or C(ReadWritePaths), that take precedence over a tmpfs.
    type: str
    choices: [tmpfs, disk]
  size:
    description:
      - Limit of each of the two with O(backing=tmpfs), in bytes, with V(K), V(M) or V(G), or as a percentage of the memory.
      - V(64K) at least, V(10%) if it is not given.
    type: str
  mode:
    description:
      - Mode of C(/tmp), in octal digits and quotes, with a 7 for its owner.
      - It belongs to root and to the group that the service's unit names.
      - V(1777) if it is not given. V(0770) keeps it to that group.
    type: str
  options:
    description:
      - Mount options it must have. All three if they are not given.
      - C(nodev) is always there with O(backing=tmpfs).
    type: list
    elements: str
    choices: [noexec, nosuid, nodev]
  restart:
    description:
      - Whether a running service that does not have what its unit says is restarted. One that does not run is not started.
    type: bool
    default: false
requirements:
  - systemd 247 or later, for O(service)
notes:
  - Files that were in C(/tmp) before are out of the service's sight. Files and sockets there that others use too are listed in a warning.
  - A process of the same user outside is not kept from reading the private C(/tmp) through C(/proc/PID/root), nor the other way round.
    Give the service a user of its own.
  - One run at a time changes the private C(/tmp) of a host. Others wait for it, for up to two minutes.
  - C(noexec) refuses to execute files. An interpreter that may be executed still reads a script from there.
"""

EXAMPLES = r"""
- name: Give nginx a /tmp of 64 MiB in which nothing can be executed
  fleetlab.linux.private_tmp:
    service: nginx
    size: 64M
  notify: Restart nginx

- name: The same on disk, and in force now
  fleetlab.linux.private_tmp:
    service: nginx
    backing: disk
    restart: true

- name: Say which services have to be restarted
  fleetlab.linux.private_tmp:
    service: "{{ item }}"
  loop: [nginx, php8.2-fpm]
  register: isolated

- name: Take it away again
  fleetlab.linux.private_tmp:
    service: nginx
    state: absent
    restart: true

- name: Install the launcher
  fleetlab.linux.private_tmp:
    launcher: /usr/local/sbin/private-tmp

- name: Use it in a cron job
  ansible.builtin.cron:
    name: report
    hour: "5"
    minute: "0"
    job: /usr/local/sbin/private-tmp --user www-data --backing disk --mode 0770 -- /usr/local/bin/report
"""

RETURN = r"""
commands:
  description: The steps, done or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [mkdir, --parents, /etc/systemd/system/nginx.service.d]
    - [write-file, /etc/systemd/system/nginx.service.d/zz-private-tmp.conf, '0644']
    - [systemctl, daemon-reload]
restart_needed:
  description:
    - Whether the service runs with another C(/tmp) than it shall have, and has to be restarted.
    - In check mode as it would be afterwards.
  returned: with O(service)
  type: bool
problems:
  description: What its processes do not have yet, in words. Empty when all of them were proved to have it, and while none run.
  returned: with O(service)
  type: list
  elements: str
  sample: ["process 612 (nginx): /tmp is that of the host"]
proof:
  description: What each process of the service has, read from its mountinfo. Empty while it does not run.
  returned: with O(service)
  type: list
  elements: dict
  contains:
    pid:
      description: The process.
      type: int
    name:
      description: Its name.
      type: str
    path:
      description: V(/tmp) or V(/var/tmp).
      type: str
    private:
      description: Whether it sees other files there than the host.
      type: bool
    fstype:
      description: What is mounted there, or null.
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
  description: Files and sockets below the host's C(/tmp) that the service has open and others use too, as they were before the task.
  returned: with O(service)
  type: list
  elements: dict
  contains:
    path:
      description: Where it is.
      type: str
    kind:
      description: V(file) or V(socket).
      type: str
    users:
      description: The other processes, as C(name[pid]). Empty for a socket that the service listens on and nobody is connected to.
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
    """The form of the module that is about a service."""
    return Wing(
        make_wanted=make_wanted,
        require=lambda: require(host),
        lock=LOCK,
        observe=lambda wanted: observe(wanted.service, runner, host),
        plan=plan,
        operations=lambda wanted: operations(wanted, lambda name: observe(name, runner, host)),
        carry_over=with_shared_of,
        returned=returned,
    )


def launcher(host: Host) -> Wing[WantedLauncher, LauncherState]:
    """The form of the module that installs the launcher."""
    return Wing(
        make_wanted=make_wanted_launcher,
        require=lambda: require(host),
        lock=LOCK,
        observe=lambda wanted: observe_launcher(wanted.path, host),
        plan=plan_launcher,
        returned=lambda _state, _wanted, _plan: {},
    )


def main() -> None:
    """Run the form that the task gives."""
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
