# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in to the FTP server of this host, and print whether a file could be stored, C(stored) or C(refused).

The standard input has the name of the user and the password, each in a line.
"""

import ftplib
import io
import sys

user, password = sys.stdin.read().split()
with ftplib.FTP("127.0.0.1", user, password, timeout=20) as client:
    try:
        client.storbinary("STOR stored", io.BytesIO(b"x"))
        print("stored")
    except ftplib.error_perm:
        print("refused")
