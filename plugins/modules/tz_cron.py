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
  - Runs a command at local times of a zone, independent of the host's zone, with Debian's cron, cronie or systemd timers.
  - O(dst) decides about times that the zone's clocks skip or show twice. A job is run at most once for each wanted time, also if the clock
    of the host is set back.
  - The entry of cron contains the minutes of the host's clock at which a wanted time can occur, now or after a later change of offset in
    either zone. These minutes are computed from the zone data; after a change of the zone data, the next run of the task corrects the
    entry.
  - The entry runs C(/usr/local/bin/run-at), which this module installs. C(run-at) needs only Python 3.8 or later and zone data. It keeps a
    lock, a record and a log for each job, and warns if the last success is too long ago.
  - Users and monitoring systems can run C(run-at) too, see C(run-at --help).
options:
  name: &name
    description:
      - Name of the job, 1 to 64 letters, digits, hyphens and underscores, the first one a letter or digit.
      - Required without O(jobs).
    type: str
  state: &state
    description:
      - V(present) creates or corrects the job.
      - V(absent) removes the job. Its log and state stay, unless O(purge) is set. A run in progress is not ended.
      - If omitted, it is V(present).
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
      - The user who runs the command, with the environment, working directory and umask (022) that cron gives. If omitted, it is V(root).
      - A user other than root gets only C(LANG), C(LC_*) and C(TZ) from the environment of cron or systemd.
      - Output is mailed to this user by cron, and goes to the journal with systemd.
      - No PAM session is opened, so the limits of C(/etc/security/limits.conf) for root apply.
    type: str
  warn_after: &warn_after
    description:
      - Minutes without a successful run after which to warn, on standard error and therefore by mail. The warning is given once, and then
        again every day.
      - The minutes count from the last success, or from the host's start or the job's declaration if that is later.
      - C(run-at) warns whenever it is started, also if no wanted time has come. It is started only around the wanted times, unless
        O(catch_up) is set, so for a job on some days of the week or month the warning does not come every day. A job without its entry, or
        on a host without a running cron, gives no warning. C(run-at --check --job NAME), as root, reports the state at any time.
    type: int
  timeout: &timeout
    description:
      - Seconds after which the command's process group gets SIGTERM, and its remaining processes SIGKILL ten seconds later. Processes in
        another session or process group are not ended. The exit code of such a run is 124.
    type: int
  dst: &dst
    description:
      - When to run for a wanted time that the zone's clocks skip or show twice on some day.
      - V(once) runs at the first moment after the gap for a skipped time, and at the first occurrence of a repeated time.
      - V(skip) does not run for a skipped time, and runs at the first occurrence of a repeated time.
      - V(twice) runs at the first moment after the gap for a skipped time, and at both occurrences of a repeated time.
      - Wanted times at the same moment are answered by one run.
      - If omitted, it is V(once).
    type: str
    choices: [once, skip, twice]
  catch_up: &catch_up
    description:
      - Whether wanted times that were missed while the host or cron was down are caught up as soon as possible - at boot, and within an
        hour of the return of cron, for which cron's entry gets a further line that runs once in each hour; with systemd at the start of the
        timer. One run answers all missed times. Times before the last change of the declaration are not caught up.
      - If omitted, it is V(false), and a wanted time for which the job could not be started within ten minutes is skipped.
    type: bool
  backend: &backend
    description:
      - V(cron) writes a file below C(/etc/cron.d). V(systemd) writes a timer and a service.
      - V(auto) is V(cron) if a cron daemon that reads this folder runs, and else V(systemd). If omitted, it is V(auto).
      - A job of the other backend is moved.
      - A timer contains times in the job's zone. The times of a zone of one word, such as V(EET), are written in UTC, because systemd
        interprets an abbreviation of the host's zone as the host's own clock; C(run-at) decides which of these times are wanted.
    type: str
    choices: [auto, cron, systemd]
  netns: &netns
    description: Run the command in this network namespace, such as one of C(fleetlab.linux.netns).
    type: str
  private_tmp: &private_tmp
    description:
      - Run the command with a private C(/tmp), by the launcher C(private-tmp), which a task with C(fleetlab.linux.private_tmp) and
        C(launcher=/usr/local/sbin/private-tmp) installs. On a host without this launcher the job is refused, in check mode too.
      - If omitted, it is V(false).
    type: bool
  textfile: &textfile
    description:
      - Folder of node_exporter's textfile collector for the file C(tz_cron_NAME.prom) with the last start and success, duration, exit
        code and consecutive failures. If the option is changed or omitted later, the file in the old folder is removed.
    type: path
  purge: &purge
    description: With O(state=absent), remove the job's log and state too. The removal is refused while the job runs.
    type: bool
  jobs:
    description: Several jobs, in one task. Excludes all other options.
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
  - Two runs on one host wait for each other, up to two minutes.
  - After a change of the host's own zone, restart its cron and run the task again, because cron keeps the zone in which it was started.
  - The first line of the entry says that this module wrote the file. A file of the same name without this line is refused.
  - The content, mode and owner of the files, and of the folder of the state, are corrected if they differ.
  - The command C(run-at) is shared by all jobs and stays after the removal of the last job.
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

- name: Two jobs in one task; the second has a timeout and metrics, and catches up missed times
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
    - The jobs that the task names, as M(fleetlab.linux.tz_cron_info) describes them; in check mode the jobs as they are.
    - Absent jobs are omitted.
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
