#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declare jobs that run at times of a named zone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tz_cron
short_description: Run jobs at times of a named time zone
version_added: 0.1.0
author:
  - fleetlab.linux contributors (@fleetlab)
description:
  - Runs a command at local times of a zone, whatever zone the host is in, with Debian's cron, cronie or systemd timers.
  - What happens at times that clocks leave out or show twice is said by O(dst). Each wanted time is answered at most once, also when the
    clock of the host is set back.
  - The entry of cron fires at those minutes of the host's clock at which a wanted time can come, now or after a later change of offset in
    either zone. They are computed from the zone data; when those change, the next run of the task corrects the entry.
  - The entry calls C(/usr/local/bin/run-at), which this module installs. It needs Python 3.8 or later and zone data, nothing else. It
    keeps a lock, a record and a log for each job, and warns when the last success is too long ago.
  - C(run-at) can be used by hand and by monitoring systems as well, see C(run-at --help).
options:
  name: &name
    description:
      - Name of the job, 1 to 64 letters, digits, hyphens and underscores, the first one a letter or digit.
      - Required, but for O(jobs).
    type: str
  state: &state
    description:
      - V(present) makes or corrects the job.
      - V(absent) removes it. Its log and state stay, unless O(purge) is set. A run that goes on is not ended.
      - When left out, it is V(present).
    type: str
    choices: [present, absent]
  timezone: &timezone
    description: Name of the zone in the tz database, such as V(Europe/Sofia). Required with O(state=present).
    type: str
  at: &at
    description:
      - When to run, as hours such as V(5) and times such as V("05:30"). Required with O(state=present).
      - Put times in quotes. YAML reads 19:30 as a number, which is refused.
    type: list
    elements: raw
  weekdays: &weekdays
    description: Run only on these days of the week, in the job's zone.
    type: list
    elements: str
    choices: [mon, tue, wed, thu, fri, sat, sun]
  days: &days
    description: Run only on these days of the month, in the job's zone. With O(weekdays), a day has to be one of each.
    type: list
    elements: int
  command: &command
    description:
      - The command, run by C(/bin/sh -c). Required with O(state=present).
      - It is not written into a file of cron, so C(%) and line breaks mean what they mean to the shell.
    type: str
  user: &user
    description:
      - Who runs the command, with the environment, working directory and umask (022) that cron gives. When left out, it is V(root).
      - Of the environment of cron, or of systemd, another user than root is given C(LANG), C(LC_*) and C(TZ), and nothing else of root's.
      - Output goes by mail to this user, as cron does it, and with systemd to the journal.
      - No PAM session is opened, so limits of C(/etc/security/limits.conf) are those of root's.
    type: str
  warn_after: &warn_after
    description:
      - Minutes without a successful run after which to warn, on standard error and thereby by mail. It is said once, and again each
        day that it lasts.
      - They count from the host's start or the job's declaration where that is later. A call that has nothing to run looks as well.
      - The warning comes with a call. A job of some days of the week or month is called around those days only, unless O(catch_up) is
        set, and so is not warned about daily; one whose entry is gone or whose cron is down is not warned about at all. C(run-at --check
        --job NAME), as root, tells at any time.
    type: int
  timeout: &timeout
    description:
      - Seconds after which the command's process group is ended, with SIGTERM, and SIGKILL to what is left of it ten seconds later. What
        has made a session or a group of its own is not in it. The exit code of such a run is 124.
    type: int
  dst: &dst
    description:
      - What to do with a time that the zone's clocks leave out or show twice on some day.
      - V(once) runs a time that is left out at the first moment after the gap, and one that is shown twice at the first of both.
      - V(skip) does not run a time that is left out, and runs one that is shown twice at the first of both.
      - V(twice) runs a time that is left out at the first moment after the gap, and one that is shown twice both times.
      - Times that come at the same moment are answered by one run.
      - When left out, it is V(once).
    type: str
    choices: [once, skip, twice]
  catch_up: &catch_up
    description:
      - Whether what was missed while the host or cron was down is run when that is next possible - at boot, and within an hour of cron's
        return, for which cron's entry has a line of its own that calls once in each hour; a timer is caught up when it is started. One
        run stands for all that was missed. Nothing is caught up from before the declaration's last change.
      - When left out, it is V(false), and what could not be started within ten minutes is left out.
    type: bool
  backend: &backend
    description:
      - V(cron) writes a file below C(/etc/cron.d). V(systemd) writes a timer and a service.
      - V(auto) takes cron where a cron daemon that reads that folder runs, and else systemd.
      - A job that was with the other one is moved. When left out, it is V(auto).
      - A timer names times in the zone. Those of a zone of one word, such as V(EET), stand in UTC, because systemd takes an abbreviation
        that the host's zone has for the host's own clock; the runner knows which of them it is.
    type: str
    choices: [auto, cron, systemd]
  netns: &netns
    description: Run the command in this network namespace, such as C(fleetlab.linux.netns) makes.
    type: str
  private_tmp: &private_tmp
    description:
      - Run the command with a C(/tmp) of its own, by the command C(private-tmp), which a task with
        C(fleetlab.linux.private_tmp) and C(launcher=/usr/local/sbin/private-tmp) installs. Without it on the host the job is refused, in
        check mode too. When left out, it is V(false).
    type: bool
  textfile: &textfile
    description:
      - Folder of node_exporter's textfile collector, to get the file C(tz_cron_NAME.prom) with the last start and success, duration, exit
        code and failures in a row. Where it is changed or left out later, the file in the old folder is removed.
    type: path
  purge: &purge
    description: With O(state=absent), remove the job's log and state as well. Refused while the job runs.
    type: bool
  jobs:
    description: Several jobs, in one call. Excludes all other options.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the job, 1 to 64 letters, digits, hyphens and underscores, the first one a letter or digit.
        type: str
        required: true
      state: *state
      timezone: *timezone
      at: *at
      weekdays: *weekdays
      days: *days
      command: *command
      user: *user
      warn_after: *warn_after
      timeout: *timeout
      dst: *dst
      catch_up: *catch_up
      backend: *backend
      netns: *netns
      private_tmp: *private_tmp
      textfile: *textfile
      purge: *purge
extends_documentation_fragment:
  - fleetlab.linux._attributes
requirements:
  - Python 3.8 or later and the tz database on the managed host (package C(tzdata); old names such as V(US/Eastern) may be in
    C(tzdata-legacy))
  - cron, cronie, or systemd
notes:
  - Runs as root.
  - One run at a time changes the jobs of a host. Others wait for it, for up to two minutes.
  - After the zone of the host itself was changed, restart its cron and run the task again. Cron keeps to the zone that it was started in.
  - The entry's first line says that this module wrote it. A file of the same name without it is somebody else's and is refused.
  - Files and the folder of the state whose mode or owner is not what this module gives them are put right, as is their content.
  - The command C(run-at) is shared by all jobs and stays when the last of them is removed.
seealso:
  - module: fleetlab.linux.tz_cron_info
  - module: ansible.builtin.cron
"""

EXAMPLES = r"""
- name: Run test.sh at 5 AM and 7 PM in Sofia, and warn when it did not succeed for 15 hours
  fleetlab.linux.tz_cron:
    name: test
    timezone: Europe/Sofia
    at: [5, 19]
    command: /path/to/test.sh
    warn_after: "{{ 15 * 60 }}"

- name: Two jobs in one call, one of them with a limit, metrics, and what was missed caught up
  fleetlab.linux.tz_cron:
    jobs:
      - name: report
        timezone: Asia/Kolkata
        at: ["09:30"]
        weekdays: [mon, tue, wed, thu, fri]
        user: reports
        command: ./report --month "$(date +%Y-%m)" | mail -s report team
      - name: backup
        timezone: Australia/Lord_Howe
        at: ["02:15"]
        command: /usr/local/sbin/backup
        timeout: 7200
        warn_after: 2880
        catch_up: true
        textfile: /var/lib/prometheus/node-exporter

- name: Remove a job with its log and state
  fleetlab.linux.tz_cron:
    name: report
    state: absent
    purge: true
"""

RETURN = r"""
commands:
  description: The steps that were planned, each as a list of words.
  type: list
  elements: list
  returned: success
  sample:
    - [install, -d, -m, "0700", -o, root, -g, root, /var/lib/fleetlab/tz_cron/test]
    - [write-file, /etc/fleetlab/tz_cron/test.json, "0600"]
    - [write-file, /etc/cron.d/tz_cron-test, "0644"]
jobs:
  description:
    - The jobs that the task names, as M(fleetlab.linux.tz_cron_info) describes them; in check mode, as they are.
    - Those that are absent are left out.
  type: list
  elements: dict
  returned: success
  sample:
    - name: test
      timezone: Europe/Sofia
      at: ["05:00", "19:00"]
      backend: cron
      entry: ["0 2,3,16,17 * * * root /usr/local/bin/run-at --job test"]
      next_runs:
        - utc: "2026-11-24T03:00:00+00:00"
          host: "2026-11-24T03:00:00+00:00"
          job: "2026-11-24T05:00:00+02:00"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.observe import has_user, observe
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.options import JOBS, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import load

LOCK = Lock("tz_cron", "jobs")


def main() -> None:
    """Observe, plan, apply."""
    module = AnsibleModule(
        argument_spec=JOBS.argument_spec(),
        mutually_exclusive=JOBS.mutually_exclusive(),
        required_one_of=[("name", "jobs")],
        supports_check_mode=True,
    )
    runner = host_runner()
    wing = Wing(
        make_wanted=lambda params: make_wanted(params, load, has_user),
        require=lambda: require_root("read and change the jobs of a host"),
        lock=LOCK,
        observe=lambda wanted: observe([one.name for one in wanted], runner, Host()),
        plan=plan,
        returned=returned,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
