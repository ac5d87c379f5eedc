#!/bin/sh
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# clocks.sh UNIT.timer ...: set this machine's clock to moments of days when the clocks of Sofia and of Lord Howe change, ten seconds before
# each, let the real daemons do what they do, and set the clock right again.
#
# Cron takes a clock that was set by hours as it is; it is started anew all the same, so that each moment stands for itself.

begin=$(date +%s)
up=$(cut -d. -f1 /proc/uptime)

restore() {
    date --utc --set "@$((begin + $(cut -d. -f1 /proc/uptime) - up))" > /dev/null
    systemctl restart cron "$@"
}
trap 'restore "$@"' EXIT

# A timer of systemd that was started at a later time than it is now waits for that time: so a moment at which nothing is wanted is first.
# Sofia: the end of the gap, and the time after it at which other days would have it. Lord Howe: the first and the second 01:45, half an hour
# apart, and the end of the gap. Sofia: the first and the second 03:30, and the first once more.
for moment in '2025-03-29 12:00:00' '2025-03-30 00:59:50' '2025-03-30 01:29:50' \
    '2025-04-05 14:44:50' '2025-04-05 15:14:50' '2025-10-04 15:29:50' \
    '2025-10-26 00:29:50' '2025-10-26 01:29:50' '2025-10-26 00:29:50'; do
    systemctl stop cron "$@"
    date --utc --set "$moment" > /dev/null
    systemctl start cron "$@"
    # A run takes seconds on a busy guest.
    sleep 28
done
