#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report the jobs that tz_cron declared."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tz_cron_info
short_description: Report jobs that run at times of a named zone
version_added: 0.1.0
author:
  - fleetlab.linux contributors (@fleetlab)
description:
  - Reports the jobs that M(fleetlab.linux.tz_cron) declared on a host, when each will run next, how its last run ended, and whether its
    last success is too long ago.
options:
  name:
    description: Only the job of this name.
    type: str
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
requirements:
  - Python 3.8 or later and the tz database on the managed host (package C(tzdata); old names such as V(US/Eastern) may be in
    C(tzdata-legacy))
notes:
  - Runs as root.
seealso:
  - module: fleetlab.linux.tz_cron
"""

EXAMPLES = r"""
- name: Read the jobs
  fleetlab.linux.tz_cron_info:
  register: cron

- name: Fail if the last success of a job is too long ago
  ansible.builtin.assert:
    that: cron.jobs | selectattr('stale', 'true') | list == []
"""

RETURN = r"""
jobs:
  description: The jobs, ordered by name. The options of their declarations are returned under the same names.
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
      weekdays: []
      days: []
      months: []
      command: /path/to/test.sh
      user: root
      warn_after: 900
      timeout: null
      spread: null
      delay: 0
      shell: /bin/sh
      path: /usr/bin:/bin
      env: {}
      command_timezone: false
      on_failure: null
      on_success: null
      dst: once
      catch_up: false
      backend: cron
      netns: null
      private_tmp: false
      textfile: null
      entry: ["0,15,30,45 * * * * root /usr/local/bin/run-at --job test"]
      output: mail to root, /var/lib/fleetlab/tz_cron/test/state.json.output
      next_runs:
        - utc: "2026-11-24T03:00:00+00:00"
          host: "2026-11-24T03:00:00+00:00"
          job: "2026-11-24T05:00:00+02:00"
      last:
        wanted: "2026-11-23T17:00:00+00:00"
        start: "2026-11-23T17:00:01+00:00"
        end: "2026-11-23T17:00:04+00:00"
        success: "2026-11-23T17:00:04+00:00"
        exit_code: 0
        duration: 2.871
        host: server1
        consecutive_failures: 0
        overlaps: 0
        missed: 0
        running: false
      stale: false
      problem: null
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, require_root
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.observe import declared, observe
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.options import check_name
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.show import describe
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner


def main() -> None:
    """Observe and describe."""
    module = AnsibleModule(argument_spec={"name": {"type": "str"}}, supports_check_mode=True)
    only, host = module.params["name"], Host()
    try:
        if only is not None:
            check_name("name", only)
        require_root("read the jobs of a host")
        names = [name for name in declared(host) if only in (None, name)]
        module.exit_json(changed=False, jobs=describe(observe(names, host_runner(), host), names))
    except FleetlabError as error:
        fail(module, error)


if __name__ == "__main__":
    main()
