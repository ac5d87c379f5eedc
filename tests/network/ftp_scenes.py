# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes of an FTP server with .ftpaccess files, as data: what is configured, which files there are, and who logs in."""

from __future__ import annotations

from dataclasses import dataclass, field

DENY = "<Limit WRITE>\n  DenyAll\n</Limit>\n"
ALLOW = "<Limit WRITE>\n  AllowAll\n</Limit>\n"
VIRTUAL = "AuthUserFile /etc/hr/passwd\nAuthGroupFile /etc/hr/group\n"
START = "/home/u1/private/files"

U1 = {"/home/u1/.ftpaccess": DENY}
U3 = {"/home/u3/.ftpaccess": DENY}
U4 = {"/data/.ftpaccess": DENY}


@dataclass(frozen=True)
class Scene:
    """A configuration, a user, and files by path.

    C(modes) are permissions, C(links) symbolic links, C(owned) files of the user. C(writes) are files that the user tries to store, as
    the session names them, besides one in the first folder; C(deletes) are files that the user tries to remove first.
    """

    name: str
    conf: str
    user: str
    files: dict[str, str] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()


# Rules on the address of the client, and whether a login from 127.0.0.1 may write. No rule names the client of a trial.
CLIENTS = {
    "Allow from 127.0.0.1 192.0.2.0/24\nDeny from all": True,
    "Order deny,allow\nAllow from 127.0.0.1": True,
    "Deny from 127.0.0.1": False,
    "Allow from 192.0.2.0/24\nDeny from all": False,
    "Order allow,deny\nAllow from !192.0.2.0/24\nDeny from all": False,
}


def of_clients(rules: str) -> Scene:
    """A scene in which a file limits writing by addresses."""
    return Scene(f"by address: {rules}", "", "u1", {"/home/u1/.ftpaccess": f"<Limit WRITE>\n{rules}\n</Limit>\n"})


SCENES = (
    Scene("no root", "", "u1", U1),
    Scene("root ~", "DefaultRoot ~", "u1", U1),
    Scene("root by path", "DefaultRoot /home/u1", "u1", U1),
    Scene("root /", "DefaultRoot /", "u1", U1),
    Scene("root with a name in Latin-1", "DefaultRoot /data/caf\udce9", "u1", {"/data/caf\udce9/.ftpaccess": DENY}),
    Scene(
        "root with a name that has a space of Unicode",
        "DefaultRoot /data/a\u00a0b\u0085c",
        "u1",
        {"/data/a\u00a0b\u0085c/.ftpaccess": DENY},
    ),
    Scene("root of others, in the group", "DefaultRoot ~ !staff2", "u3", U3),
    Scene("root of others, not in the group", "DefaultRoot ~ !staff2", "u1", U1),
    Scene("two groups hold", "DefaultRoot ~ hosting,!staff2", "u1", U1),
    Scene("one of two groups holds", "DefaultRoot ~ hosting,!staff2", "u3", U3),
    Scene("the second line holds", "DefaultRoot ~ staff2\nDefaultRoot /home/u1 hosting", "u1", U1),
    Scene("root in Global", "<Global>\nDefaultRoot ~\n</Global>", "u1", U1),
    Scene("own root before Global", "<Global>\nDefaultRoot ~\n</Global>\nDefaultRoot /home/u1", "u1", U1),
    Scene("root below the home", "DefaultRoot ~/sub", "u3", U3),
    Scene("file in the root itself", "DefaultRoot ~", "u3", U3),
    Scene("root with %u", "DefaultRoot /home/%u", "u3", U3),
    Scene("linked home", "", "u4", U4),
    Scene("linked home as root", "DefaultRoot ~", "u4", U4),
    Scene("parent of a linked home as root", "DefaultRoot ~/..", "u4", U4),
    Scene("home of another user as root", "DefaultRoot ~u3", "u1", {**U1, **U3}),
    Scene("root does not exist", "DefaultRoot ~/nosuch", "u1", U1),
    Scene("home cannot be entered", "DefaultRoot ~", "u1", U1, modes={"/home/u1": 0o700}),
    Scene("links in the root refused", "DefaultRoot ~\nAllowChrootSymlinks off", "u4", U4),
    Scene("no links in the root", "DefaultRoot ~\nAllowChrootSymlinks off", "u3", U3),
    Scene("override off", "AllowOverride off", "u1", U1),
    Scene("override off in Global", "<Global>\nAllowOverride off\n</Global>", "u1", U1),
    Scene("override on against Global", "<Global>\nAllowOverride off\n</Global>\nAllowOverride on", "u1", U1),
    Scene("override off in Directory", "<Directory /home/u1>\nAllowOverride off\n</Directory>", "u1", U1),
    Scene("root for one user of mod_ifsession", "LoadModule mod_ifsession.c\n<IfUser u1>\nDefaultRoot ~\n</IfUser>", "u1", U1),
    Scene("override off for one user", "LoadModule mod_ifsession.c\n<IfUser u1>\nAllowOverride off\n</IfUser>", "u1", U1),
    Scene("rule for one user", "LoadModule mod_ifsession.c\n<IfUser u1>\n<Limit WRITE>\nDenyAll\n</Limit>\n</IfUser>", "u1"),
    Scene("Directory reaches into the root", f"DefaultRoot ~\n<Directory /home/u1>\n{DENY}</Directory>", "u1", U1),
    Scene("Directory with a star", f"DefaultRoot ~\n<Directory /home/*/private>\n{DENY}</Directory>", "u1"),
    Scene("Directory ~", f"DefaultRoot ~\n<Directory ~>\n{DENY}</Directory>", "u1"),
    Scene("file against Directory", f"<Directory /home/u1>\n{DENY}</Directory>", "u1", {f"{START}/.ftpaccess": ALLOW}),
    Scene("virtual user", VIRTUAL, "virt1", U1),
    Scene("virtual user in a root", f"{VIRTUAL}DefaultRoot ~", "virt1", U1),
    Scene("virtual user by group", f"{VIRTUAL}DefaultRoot ~ !vgroup", "virt1", U1),
    Scene("only virtual users", f"{VIRTUAL}AuthOrder mod_auth_file.c\nDefaultRoot ~", "virt1", U1),
    Scene("file not readable", "", "u1", U1, modes={"/home/u1/.ftpaccess": 0o600}),
    Scene("link to a file that is not readable", "", "u1", {"/root/secret": DENY}, links={"/home/u1/.ftpaccess": "/root/secret"}),
    Scene("link to a file", "", "u1", {"/data/rules": DENY}, links={"/home/u1/.ftpaccess": "/data/rules"}),
    Scene("link that leads out of the root", "DefaultRoot ~", "u3", {"/data/rules": DENY}, links={"/home/u3/.ftpaccess": "/data/rules"}),
    Scene("empty file", "", "u1", {"/home/u1/.ftpaccess": ""}),
    Scene("a comment that ends with a backslash", "", "u1", {"/home/u1/.ftpaccess": f"  # old \\\n{DENY}"}),
    Scene("a comment of the configuration that ends with a backslash", "# old: \\\nDefaultRoot ~", "u1", U1),
    Scene("lines of DOS", "", "u1", {"/home/u1/.ftpaccess": DENY.replace("\n", "\r\n")}),
    Scene("a mark of the order of bytes", "", "u1", {"/home/u1/.ftpaccess": f"\ufeff{DENY}"}),
    Scene("a module that is missing, in the file", "", "u1", {"/home/u1/.ftpaccess": f"<IfModule mod_no.c>\n{DENY}</IfModule>\n"}),
    Scene("a module that is there, in the file", "", "u1", {"/home/u1/.ftpaccess": f"<ifmodule mod_auth_unix.c>\n{DENY}</ifmodule>\n"}),
    Scene("a definition in the file", "", "u1", {"/home/u1/.ftpaccess": f"<IfDefine X>\n{DENY}</IfDefine>\n"}),
    Scene(
        "a condition in the section",
        "",
        "u1",
        {"/home/u1/.ftpaccess": "<Limit WRITE>\n<IfModule !mod_core.c>\nDenyAll\n</IfModule>\n</Limit>\n"},
    ),
    Scene("a section in a section", "", "u1", {"/home/u1/.ftpaccess": f"<Limit ALL>\n{DENY}</Limit>\n"}),
    Scene("DenyAll off", "", "u1", {"/home/u1/.ftpaccess": "<Limit WRITE>\nDenyAll off\n</Limit>\n"}),
    Scene("DenyAll with another word", "", "u1", {"/home/u1/.ftpaccess": "<Limit WRITE>\nDenyAll junk\n</Limit>\n"}),
    Scene("AllowAll off", "", "u1", {"/home/u1/.ftpaccess": "<Limit WRITE>\nAllowAll off\nDenyAll\n</Limit>\n"}),
    Scene("DenyAll alone", "", "u1", {"/home/u1/.ftpaccess": "DenyAll\n<Limit WRITE>\nAllowAll\n</Limit>\n"}),
    Scene("DenyAll alone, and a file further in", "", "u1", {"/home/u1/.ftpaccess": "DenyAll\n", f"{START}/.ftpaccess": "Umask 022\n"}),
    Scene("typing error", "", "u1", {"/home/u1/.ftpaccess": "<Limit WRITE>\n  DenyAl\n</Limit>\n"}),
    Scene("unknown line before", "", "u1", {"/home/u1/.ftpaccess": f"Nonsense on\n{DENY}"}),
    Scene("section that is not closed", "", "u1", {"/home/u1/.ftpaccess": "<Limit WRITE>\n  DenyAll\n"}),
    Scene("two files, the inner one allows", "", "u1", {**U1, f"{START}/.ftpaccess": ALLOW}),
    Scene("two files, the outer one allows", "", "u1", {"/home/u1/.ftpaccess": ALLOW, f"{START}/.ftpaccess": DENY}),
    Scene("users in the file", "", "u1", {"/home/u1/.ftpaccess": "<Limit WRITE>\n  DenyUser u1\n</Limit>\n"}),
    Scene("other users in the file", "", "u1", {"/home/u1/.ftpaccess": "<Limit WRITE>\n  DenyUser u3\n</Limit>\n"}),
    Scene("allowed group", "", "u1", {"/home/u1/.ftpaccess": "<Limit STOR>\n  AllowGroup hosting\n  DenyAll\n</Limit>\n"}),
    Scene("order", "", "u1", {"/home/u1/.ftpaccess": "<Limit STOR>\n  Order deny,allow\n  AllowUser u3\n</Limit>\n"}),
    Scene("all commands", "", "u1", {"/home/u1/.ftpaccess": "<Limit ALL>\n  DenyAll\n</Limit>\n"}),
    Scene("anonymous", "<Anonymous ~u3>\nUser u3\nGroup u3\nAnonRequirePassword on\n</Anonymous>", "u3", {"/home/.ftpaccess": DENY}),
    Scene(
        "anonymous, root of the server not used",
        "DefaultRoot /home\n<Anonymous ~u3>\nUser u3\nGroup u3\nAnonRequirePassword on\n</Anonymous>",
        "u3",
        U3,
    ),
    Scene("virtual host", "<VirtualHost 127.0.0.2>\nPort 2199\nDefaultRoot ~\n</VirtualHost>", "u1", U1),
    Scene("another first folder", "DefaultChdir /home/u3", "u1", {**U3}),
    Scene("another first folder in the root", "DefaultRoot /home/u1\nDefaultChdir private", "u1", U1),
    Scene("module that is missing", "<IfModule mod_nosuch.c>\nDefaultRoot ~\n</IfModule>", "u1", U1),
    Scene("module that is there", "<IfModule mod_auth.c>\nDefaultRoot ~\n</IfModule>", "u1", U1),
    Scene("included file", "Include /etc/hr/conf.d/", "u1", {**U1, "/etc/hr/conf.d/root.conf": "DefaultRoot ~\n"}),
)

DEEPER = (
    Scene(
        "a way around",
        "DefaultRoot ~",
        "u3",
        {"/home/u3/.ftpaccess": ALLOW, "/home/u3/pub/.ftpaccess": DENY},
        folders=("/home/u3/pub/deep",),
        writes=("pub/deep/x",),
    ),
    Scene(
        "no way around", "DefaultRoot ~", "u3", {"/home/u3/pub/.ftpaccess": DENY}, folders=("/home/u3/pub/deep",), writes=("pub/deep/x",)
    ),
    Scene(
        "a way around by Directory",
        "<Directory /home/u3>\nUmask 022\n</Directory>",
        "u3",
        {"/home/u3/pub/.ftpaccess": DENY},
        folders=("/home/u3/pub/deep",),
        writes=("pub/deep/x",),
    ),
    Scene(
        "the folder itself has no way around",
        "DefaultRoot ~",
        "u3",
        {"/home/u3/.ftpaccess": ALLOW, "/home/u3/pub/.ftpaccess": DENY},
        writes=("pub/x",),
    ),
    Scene(
        "override off in Directory, deeper",
        "<Directory /home/u3>\nAllowOverride off\n</Directory>",
        "u3",
        {"/home/u3/pub/.ftpaccess": DENY},
        writes=("pub/x",),
    ),
    Scene("removed by the user", "", "u3", {"/home/u3/.ftpaccess": "<Limit STOR>\n  DenyAll\n</Limit>\n"}, deletes=(".ftpaccess",)),
    Scene("not removed by the user", "", "u3", U3, deletes=(".ftpaccess",)),
    Scene(
        "filtered",
        'PathDenyFilter "(^|/)\\.ftpaccess$"',
        "u3",
        {"/home/u3/.ftpaccess": "<Limit STOR>\n  DenyAll\n</Limit>\n"},
        deletes=(".ftpaccess",),
    ),
)
