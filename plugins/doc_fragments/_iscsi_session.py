# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of iscsi_session, which each exist twice: for one session, and for every entry of a list."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as C(fleetlab.linux._iscsi_session)."""

    DOCUMENTATION = r"""
options:
  portal: &portal
    description: The portal to log in through. Required with O(target).
    type: dict
    suboptions:
      host:
        description: An IPv4 address, an IPv6 address in any spelling, or a host name.
        type: str
        required: true
      port:
        description: The TCP port.
        type: int
        default: 3260
  target: &target
    description: The target's name, beginning with C(iqn.), C(eui.) or C(naa.), in the spelling that the target has.
    type: str
  state: &state
    description:
      - V(logged_in) creates the node record and the session.
      - V(logged_out) ends the session and keeps the record. An existing record gets O(startup), O(timeouts) and O(chap) if they are given.
      - V(absent) ends the session and removes the record, but only of this portal.
      - A session whose disks are mounted, used as swap, or held by md or device mapper is not ended; the message names the users.
      - If omitted, it is V(logged_in).
    type: str
    choices: [logged_in, logged_out, absent]
  chap: &chap
    description:
      - The CHAP credentials of the session. If omitted, the credentials of the record stay.
      - The credentials are written to the node record, which only root may read, and never put on a command line.
      - A running session is not ended because its credentials changed, see RV(relogin_needed). It keeps the credentials of its login,
        so after a lost connection it cannot be restored once the target wants other credentials. Use O(relogin) soon. Such a lost
        session is logged out and in again if none of its disks is in use.
    type: dict
    suboptions:
      username:
        description: The name by which this host authenticates.
        type: str
        required: true
      password:
        description: The secret of this host, 12 to 16 printable ASCII characters without white space, C(#), quotes, backslash or backquote.
        type: str
        required: true
      mutual_username:
        description: The name by which the target authenticates. Requires O(chap.mutual_password).
        type: str
      mutual_password:
        description: The secret of the target, under the same rule, and not equal to O(chap.password).
        type: str
  startup: &startup
    description:
      - Whether the session is restored at boot, C(node.startup) of the record.
      - For O(state=logged_in) the default is V(automatic); otherwise an omitted option leaves the record as it is.
    type: str
    choices: [automatic, manual, onboot]
  timeouts: &timeouts
    description:
      - Timeouts of the record, in seconds. Timeouts that are neither in O(timeouts.preset) nor given by name stay as they are.
      - O(timeouts.replacement_timeout) takes effect on a running session too; the other timeouts take effect at its next login.
    type: dict
    suboptions:
      preset:
        description:
          - V(md) suits disks that are members of an md array over several targets. A silent target is noticed after at most 6 s and
            its commands fail up to md 10 s later. These 16 s are the stall that users of the array see when a server dies, and less
            than the 30 s of the SCSI command timer. An interruption of 10 s, or a restart of the target within 10 s,
            ejects no member. Replacement 10, NOP-Out 3 and 3, login 5, logout 15.
          - V(default) has the values of open-iscsi without configuration, for disks without another leg, whose commands should wait.
            Replacement 120, NOP-Out 5 and 5, login 30, logout 15.
        type: str
        choices: [default, md]
      replacement_timeout:
        description: How long commands wait for a lost connection to be restored before they fail. V(0) fails them at once.
        type: int
      noop_out_interval:
        description: How often an idle connection is tested by a NOP-Out. V(0) switches the test off.
        type: int
      noop_out_timeout:
        description: How long the answer to a NOP-Out may take before the connection counts as lost. V(0) switches this limit off.
        type: int
      login_timeout:
        description: How long one attempt to log in may take.
        type: int
      logout_timeout:
        description: How long a logout may take.
        type: int
  relogin: &relogin
    description:
      - Whether a running session is logged out and in again if RV(relogin_needed) is true.
      - Its portal has to answer, and none of its disks may be in use. Otherwise the session stays, and the task fails with the reason.
      - If the target refuses the new credentials, the session is lost. Only a login can show whether the target accepts them.
      - If omitted, it is V(false).
    type: bool
  parameters: &parameters
    description:
      - How many commands may be in flight at once. These limits take effect at the next login. Omitted limits stay as they are.
      - The target limits the commands of a session too, LIO by C(default_cmdsn_depth).
    type: dict
    suboptions:
      cmds_max:
        description: Commands of the session, shared by its disks; a power of two from 2 to 2048. open-iscsi's default is 128.
        type: int
      queue_depth:
        description: Commands of each disk, 1 to 1024. open-iscsi's default is 32.
        type: int
  wait_for_luns: &wait_for_luns
    description:
      - The LUNs that have to appear, with the names that udev gives their disks.
      - Either the number of LUNs, or a list of LUN numbers.
      - An existing session is scanned again only if a wanted LUN is missing.
    type: raw
  lun_mb: &lun_mb
    description:
      - The size in MiB that each LUN of the session has at least. If a disk of a running session is smaller, the session is scanned again,
        so that this host sees the new size of a volume that has grown on the target. A LUN that stays smaller fails the task.
      - If omitted, sizes are not compared.
    type: int
  wait_timeout: &wait_timeout
    description: The most seconds to wait for the login, and again for the disks. If omitted, it is V(60).
    type: int
  sessions:
    description:
      - Several sessions, handled in this order. Excludes the options of a single session.
      - A session that fails, for example because of a wrong secret, does not stop the other sessions from being handled. The task then
        fails at its end, names every failed session, and returns RV(devices) and RV(sessions) as if it had succeeded.
    type: list
    elements: dict
    suboptions:
      portal:
        <<: *portal
        required: true
      target:
        <<: *target
        required: true
      state:
        <<: *state
        default: logged_in
      chap: *chap
      startup: *startup
      timeouts: *timeouts
      relogin:
        <<: *relogin
        default: false
      parameters: *parameters
      wait_for_luns: *wait_for_luns
      lun_mb: *lun_mb
      wait_timeout:
        <<: *wait_timeout
        default: 60
  initiator_name:
    description:
      - This host's own iSCSI name, kept in C(/etc/iscsi/initiatorname.iscsi). If omitted, it stays as it is.
      - The name is not changed while any session is logged in.
    type: str
"""
