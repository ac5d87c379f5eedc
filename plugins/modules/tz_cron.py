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
  - The entry of cron, or the timer, contains no time of a zone. It calls C(/usr/local/bin/run-at), which this module installs, at each
    quarter of an hour, and C(run-at) decides by the zone data of that moment whether the job is wanted. Neither an update of the zone data
    nor the zone of the daemon makes the job miss its time. Such a call takes about 25 ms of CPU.
  - A call that comes late runs a wanted time of the last hour. A wanted time that is given up is reported once.
  - C(run-at) needs only Python 3.8 or later and zone data. It keeps a lock, a record and a log for each job, and warns if the last success
    is too long ago.
  - Users and monitoring systems can run C(run-at) too, see C(run-at --help). C(run-at --now --job NAME) tries a job,
    C(run-at --next 5 --job NAME) shows when it runs, and C(run-at --list) lists the jobs.
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
    description:
      - Name of the zone in the tz database, such as V(Europe/Sofia). Required with O(state=present).
      - An offset such as V(UTC+3) is refused, with the names that may be meant.
    type: str
  at: &at
    description:
      - When to run, as hours such as V(5), times such as V("05:30"), and ranges such as V("08:00-18:00/10"), which is every ten minutes
        from 08:00 to 18:00. Required with O(state=present).
      - Put times in quotes. YAML reads 19:30 as a number, which is refused.
    type: list
    elements: raw
  weekdays: &weekdays
    description:
      - Run only on these days of the week, in the job's zone - V(mon), V(tue), V(wed), V(thu), V(fri), V(sat), V(sun).
      - V("tue#2") is only the second Tuesday of the month, V("fri#-1") the last Friday. Put these in quotes.
    type: list
    elements: str
  days: &days
    description:
      - Run only on these days of the month, in the job's zone. V(-1) is the last day of the month, V(-2) the day before it.
      - With O(weekdays), a day has to be one of each.
    type: list
    elements: int
  months: &months
    description: Run only in these months, V(1) to V(12), in the job's zone.
    type: list
    elements: int
  command: &command
    description:
      - The command, run by O(shell) with C(-c). Required with O(state=present).
      - It is not written into a file of cron, so C(%) and line breaks mean what they mean to the shell.
    type: str
  user: &user
    description:
      - The user who runs the command, with the environment, working directory and umask (022) that cron gives. If omitted, it is V(root).
      - A user other than root gets only C(LANG), C(LC_*) and C(TZ) from the environment of cron or systemd.
      - Output is mailed to this user by cron, and goes to the journal with systemd. On a host without a program that sends mail
        (C(/usr/sbin/sendmail)), where cron would discard the output, it goes to the journal (C(journalctl -t run-at)), and the task says so
        when it declares the job. The last output, up to 512 KiB, is also kept in
        C(/var/lib/fleetlab/tz_cron/NAME/state.json.output).
      - No PAM session is opened, so the limits of C(/etc/security/limits.conf) for root apply.
    type: str
  warn_after: &warn_after
    description:
      - Minutes without a successful run after which to warn, on standard error and therefore by mail. The warning is given once, and then
        again every day.
      - The minutes count from the last success, or from the host's start or the job's declaration if that is later.
      - C(run-at) warns within a quarter of an hour, also if no wanted time has come. A job without its entry, or on a host without a
        running cron, gives no warning. C(run-at --check --job NAME), as root, reports the state at any time.
    type: int
  timeout: &timeout
    description:
      - Seconds after which the command's process group gets SIGTERM, and its remaining processes SIGKILL ten seconds later. Processes in
        another session or process group are not ended. The exit code of such a run is 124.
    type: int
  spread: &spread
    description:
      - Start the job up to this number of minutes later than wanted. The delay differs between hosts and jobs, and is always the same for
        a job on one host (it comes from C(/etc/machine-id)). Between 1 and 1440.
    type: int
  shell: &shell
    description: The shell that runs O(command) and hooks, with C(-c). If omitted, it is V(/bin/sh).
    type: path
  path: &path
    description: The variable C(PATH) of the command. If omitted, it is V(/usr/bin:/bin), as cron sets it.
    type: str
  env: &env
    description:
      - Further environment variables of the command. Values are texts or numbers, and may be secrets. They are kept in a file that only
        root can read, and are shown neither in the diff nor in the return values nor in the log of the host, where this module writes
        nothing of its options.
      - Cron does not read them, so C(MAILTO) changes no address and C(CRON_TZ) no time.
    type: dict
  command_timezone: &command_timezone
    description:
      - Whether the command gets O(timezone) in the variable C(TZ). If omitted, it is V(false), and the command has the host's zone.
    type: bool
  on_failure: &on_failure
    description:
      - What to do after a run that failed, and for a wanted time that was not run - a command, or a URL that begins with V(http://) or
        V(https://), such as one of a monitoring service like healthchecks.
      - A command is run by O(shell) as O(user), with the variables C(RUN_AT_JOB), C(RUN_AT_EXIT_CODE), C(RUN_AT_WANTED) and
        C(RUN_AT_MESSAGE). A URL is requested with GET. Both use the network of the host, also with O(netns).
      - It takes place after the run is on record and its lock is free, and is ended after 30 seconds, so it never holds up the job. If it
        fails, this is reported like other output.
    type: str
  on_success: &on_success
    description: The same as O(on_failure), after a run that succeeded.
    type: str
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
      - Whether wanted times that were missed for more than an hour, while the host or cron was down, are caught up as soon as possible - at
        boot, and within a quarter of an hour of the return of cron. One run answers all missed times. Times before the last change of the
        declaration are not caught up.
      - If omitted, it is V(false), and a wanted time for which no call came within an hour is given up and reported.
    type: bool
  backend: &backend
    description:
      - V(cron) writes a file below C(/etc/cron.d). V(systemd) writes a timer and a service.
      - V(auto) is V(cron) if a cron daemon runs that takes entries with a user from this folder, as Debian's cron and cronie do, and else
        V(systemd). If omitted, it is V(auto).
      - A job of the other backend is moved.
    type: str
    choices: [auto, cron, systemd]
  netns: &netns
    description:
      - Run the command in this network namespace, such as one of C(fleetlab.linux.netns). Without it the job fails, and the task that
        declares the job warns.
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
      - Without the folder the job runs without metrics, and the task that declares the job warns.
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
      months: *months
      command: *command
      user: *user
      warn_after: *warn_after
      timeout: *timeout
      spread: *spread
      shell: *shell
      path: *path
      env: *env
      command_timezone: *command_timezone
      on_failure: *on_failure
      on_success: *on_success
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
  - An entry that an older version of this module wrote is converted when the task runs again.
  - The first line of the entry, and of the timer and its service, says that this module wrote the file. A file of the same name without
    this line, such as a unit that is masked, is refused, and never removed.
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

- name: Every ten minutes in the office hours of a place, and on the last Friday of each quarter; a monitoring service hears of failures
  fleetlab.linux.tz_cron:
    jobs:
      - name: poll
        timezone: America/New_York
        at: ["09:00-17:30/10"]
        weekdays: [mon, tue, wed, thu, fri]
        command: /usr/local/bin/poll
        path: /usr/local/bin:/usr/bin:/bin
        env:
          LEVEL: info
      - name: close
        timezone: Asia/Tokyo
        at: ["18:00"]
        weekdays: ["fri#-1"]
        months: [3, 6, 9, 12]
        command: /usr/local/bin/close-quarter
        command_timezone: true
        spread: 20
        on_failure: "https://hc.example.org/ping/{{ vault_uuid }}/fail"

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
  contains:
    name:
      description: Name of the job.
      type: str
    timezone:
      description: Its zone.
      type: str
    at:
      description: The times of the day and ranges of times.
      type: list
      elements: str
    weekdays:
      description: The days of the week; empty for all.
      type: list
      elements: str
    days:
      description: The days of the month; empty for all.
      type: list
      elements: int
    months:
      description: The months; empty for all.
      type: list
      elements: int
    command:
      description: The command.
      type: str
    user:
      description: The user who runs the command.
      type: str
    warn_after:
      description: Minutes without success after which to warn, or null.
      type: int
    timeout:
      description: The most seconds that a run may take, or null.
      type: int
    spread:
      description: The minutes over which hosts start the job, or null.
      type: int
    delay:
      description: The minutes by which this host starts the job later.
      type: int
    shell:
      description: The shell that runs the command.
      type: str
    path:
      description: The variable C(PATH) of the command.
      type: str
    env:
      description: The names of further variables of the command. Their values are not returned.
      type: dict
    command_timezone:
      description: Whether the command has the job's zone in C(TZ).
      type: bool
    on_failure:
      description: What to do after a failure, or null. Of a URL, only the host is returned.
      type: str
    on_success:
      description: What to do after a success, or null. Of a URL, only the host is returned.
      type: str
    dst:
      description: When to run for a wanted time that the clocks skip or show twice.
      type: str
    catch_up:
      description: Whether missed times are caught up.
      type: bool
    backend:
      description: V(cron) or V(systemd).
      type: str
    netns:
      description: The network namespace, or null.
      type: str
    private_tmp:
      description: Whether the command has a private C(/tmp).
      type: bool
    textfile:
      description: The folder of the metrics, or null.
      type: str
    entry:
      description: The lines of cron's file or of the timer that call the job.
      type: list
      elements: str
    output:
      description: Where warnings and output go - to the mail of a user or to the journal, and to a file.
      type: str
    next_runs:
      description: The next five runs, each on three clocks - C(utc), the one of the C(host), and the one of the C(job)'s zone.
      type: list
      elements: dict
      contains:
        utc:
          description: The time in UTC.
          type: str
        host:
          description: The time on the clock of the host.
          type: str
        job:
          description: The time in the zone of the job.
          type: str
    last:
      description:
        - The last run, or null. C(wanted) is the wanted time that the run answered. C(start) and C(end) are the times of the run, and
          C(success) is the end of the last successful run. C(duration) is in seconds. C(overlaps) is the number of runs that were skipped
          because the previous run had not ended, and C(missed) the number of wanted times for which no call came. The other keys are
          C(exit_code), C(host), C(consecutive_failures) and C(running).
      type: dict
      contains:
        wanted:
          description: The wanted time that the run answered.
          type: str
        start:
          description: Its start.
          type: str
        end:
          description: Its end, or null.
          type: str
        success:
          description: The end of the last successful run, or null.
          type: str
        exit_code:
          description: The exit code of the command.
          type: int
        duration:
          description: Seconds.
          type: float
        host:
          description: The host that ran it.
          type: str
        consecutive_failures:
          description: The failures since the last success.
          type: int
        overlaps:
          description: The runs that were skipped because the former one had not ended.
          type: int
        missed:
          description: The wanted times for which no call came.
          type: int
        running:
          description: Whether a run has not ended.
          type: bool
    stale:
      description:
        - Whether the last success is longer ago than O(fleetlab.linux.tz_cron#module:warn_after) allows. For a job that has never run,
          the time since its declaration counts. Null if this is unknown.
      type: bool
    problem:
      description:
        - The problem of the job's files, or null. An entry of an older version, or one that was changed, is a problem, and so is a cron
          that does not run, or a timer that is stopped or disabled.
      type: str
  sample:
    - name: test
      timezone: Europe/Sofia
      at: ["05:00", "19:00"]
      backend: cron
      entry: ["0,15,30,45 * * * * root /usr/local/bin/run-at --job test"]
      next_runs:
        - utc: "2026-11-24T03:00:00+00:00"
          host: "2026-11-24T03:00:00+00:00"
          job: "2026-11-24T05:00:00+02:00"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.observe import has_program, has_user, observe
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.options import JOBS, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.show import hidden, returned
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.state import folders_for_metrics
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
        # Ansible would write all options into the log of the host, with the values of env.
        no_log=True,
    )
    # Ansible shows the options in the result, so these are without the values of env.
    asked, module.params = module.params, hidden(module.params)
    runner = host_runner()
    wing = Wing(
        make_wanted=lambda _params: make_wanted(asked, load, has_user, has_program),
        require=lambda: require_root("read and change the jobs of a host"),
        lock=LOCK,
        observe=lambda wanted: observe([one.name for one in wanted], runner, Host(), folders_for_metrics(wanted)),
        plan=plan,
        returned=returned,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
