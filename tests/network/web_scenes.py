# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes of a web server with .htaccess files, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

SHOP = "/srv/www/shop"
TYPE = "AddType text/plain .txt\n"
AUTH = "Require all granted\n"
FILES = {"/srv/.htaccess": TYPE, "/srv/www/.htaccess": TYPE, f"{SHOP}/.htaccess": TYPE}


def directory(path: str, *lines: str) -> str:
    """A section of the configuration."""
    return "\n".join([f"<Directory {path}>", *lines, "</Directory>", ""])


@dataclass(frozen=True)
class Scene:
    """A configuration, files by path, and a folder that is requested by C(url)."""

    name: str
    conf: str
    files: dict[str, str] = field(default_factory=lambda: dict(FILES))
    path: str = SHOP
    url: str = "/shop"
    modes: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    server: str = "main"
    mark: str = "NotAtAll"


SCENES = (
    Scene("none by default", ""),
    Scene("none", directory("/srv/www", "AllowOverride None")),
    Scene("all", directory("/srv/www", "AllowOverride All")),
    Scene("all, with a slash at the end", directory("/srv/www/", "AllowOverride All")),
    Scene("all above the site", directory("/srv", "AllowOverride All")),
    Scene("all from the root", directory("/", "AllowOverride All"), {"/.htaccess": TYPE, **FILES}),
    Scene("all, but none deeper", directory("/srv", "AllowOverride All") + directory(SHOP, "AllowOverride None")),
    Scene("none, but all deeper", directory("/srv", "AllowOverride None") + directory(SHOP, "AllowOverride All")),
    Scene("sections in another order", directory(SHOP, "AllowOverride All") + directory("/srv", "AllowOverride None")),
    Scene("the right class", directory("/srv/www", "AllowOverride FileInfo")),
    Scene("another class", directory("/srv/www", "AllowOverride AuthConfig")),
    Scene("two classes", directory("/srv/www", "AllowOverride AuthConfig FileInfo"), {f"{SHOP}/.htaccess": TYPE + AUTH}),
    Scene("one of two lines refused", directory("/srv/www", "AllowOverride FileInfo"), {f"{SHOP}/.htaccess": TYPE + AUTH}),
    Scene("not fatal", directory("/srv/www", "AllowOverride AuthConfig Nonfatal=Override")),
    Scene("a list", directory("/srv/www", "AllowOverride None", "AllowOverrideList AddType")),
    Scene("a list without the directive", directory("/srv/www", "AllowOverride None", "AllowOverrideList Redirect")),
    Scene("an empty list", directory("/srv/www", "AllowOverride None", "AllowOverrideList None")),
    Scene("star", directory("/srv/*/shop", "AllowOverride All")),
    Scene("star of one level only", directory("/srv/*", "AllowOverride All")),
    Scene("star does not match two levels", directory("/*/shop", "AllowOverride All")),
    Scene("regular expression", f'<DirectoryMatch "^{SHOP}">\nRequire all granted\n</DirectoryMatch>\n'),
    Scene("another name", "AccessFileName .rules\n" + directory("/srv", "AllowOverride All"), {**FILES, f"{SHOP}/.rules": TYPE}),
    Scene("two names", "AccessFileName .rules .htaccess\n" + directory("/srv", "AllowOverride All"), {**FILES, f"{SHOP}/.rules": TYPE}),
    Scene("not readable", directory("/srv", "AllowOverride All"), modes={"/srv/www/.htaccess": 0o600}),
    Scene("empty", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": ""}),
    Scene(
        "a link followed",
        directory("/srv", "AllowOverride All", "Options FollowSymLinks"),
        {**FILES, "/data/.htaccess": TYPE, "/data/real/.htaccess": TYPE},
        "/srv/www/link",
        "/link",
        links={"/srv/www/link": "/data/real"},
    ),
    Scene(
        "a link not followed",
        directory("/srv", "AllowOverride All", "Options None"),
        {**FILES, "/data/real/.htaccess": TYPE},
        "/srv/www/link",
        "/link",
        links={"/srv/www/link": "/data/real"},
    ),
    Scene(
        "a link of another owner",
        directory("/srv", "AllowOverride All", "Options -FollowSymLinks +SymLinksIfOwnerMatch"),
        {**FILES, "/data/real/.htaccess": TYPE},
        "/srv/www/link",
        "/link",
        links={"/srv/www/link": "/data/real"},
    ),
    Scene(
        "a virtual host",
        "<VirtualHost *:2280>\nServerName a.test\nDocumentRoot /srv/www\n"
        + directory("/srv/www", "AllowOverride All")
        + "</VirtualHost>\n",
        server="*:2280 a.test",
    ),
    Scene(
        "a virtual host against the server",
        directory(SHOP, "AllowOverride All")
        + "<VirtualHost *:2280>\nServerName a.test\nDocumentRoot /srv/www\n"
        + directory(SHOP, "AllowOverride None")
        + "</VirtualHost>\n",
        server="*:2280 a.test",
    ),
    Scene(
        "missing module",
        directory("/srv", "AllowOverride FileInfo"),
        {f"{SHOP}/.htaccess": f"<IfModule mod_no.c>\n{AUTH}</IfModule>\n{TYPE}"},
    ),
    Scene(
        "loaded module", directory("/srv", "AllowOverride FileInfo"), {f"{SHOP}/.htaccess": f"<IfModule mod_dir.c>\n{AUTH}</IfModule>\n"}
    ),
    Scene("guard by a file", directory("/srv", "AllowOverride FileInfo"), {f"{SHOP}/.htaccess": f"<IfFile /no>\n{AUTH}</IfFile>\n{TYPE}"}),
    Scene(
        "guard by a file that exists",
        directory("/srv", "AllowOverride FileInfo"),
        {f"{SHOP}/.htaccess": f"<IfFile /etc/passwd>\n{AUTH}</IfFile>\n{TYPE}"},
    ),
    Scene(
        "a blank after the sign that would continue",
        directory("/srv", "AllowOverride FileInfo"),
        {f"{SHOP}/.htaccess": f"AddType text/plain \\ \n{AUTH}"},
    ),
    Scene("single options", directory("/srv", "AllowOverride Options=Indexes"), {f"{SHOP}/.htaccess": "Options -Indexes\n"}),
    Scene("another option", directory("/srv", "AllowOverride Options=Indexes"), {f"{SHOP}/.htaccess": "Options +ExecCGI\n"}),
    Scene("for the server only", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": f"{TYPE}KeepAlive on\n"}),
    Scene(
        "of a module that no trial loads, and refused",
        f"LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n{directory('/srv', 'AllowOverride FileInfo')}",
        {f"{SHOP}/.htaccess": "SSLCipherSuite HIGH\n"},
    ),
    Scene("a set without a letter", directory("/srv/www/[^x]*", "AllowOverride FileInfo")),
    Scene("a folder above is closed", directory("/srv", "AllowOverride All"), modes={"/srv/www": 0o700}),
    Scene("the folder is closed", directory("/srv", "AllowOverride All"), modes={SHOP: 0o700}),
    Scene("a folder above is closed, and without files", directory("/srv", "AllowOverride None"), modes={"/srv/www": 0o700}),
    Scene("a section that is not closed", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": f"<Files x>\n{TYPE}"}),
    Scene(
        "words that Apache does not understand", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": "Options +Indexes None\n"}
    ),
    Scene("variable", "Define SHOP /srv/www/shop\n" + directory("${SHOP}", "AllowOverride All")),
    Scene("directive of a missing module", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": f"{TYPE}php_value a 1\n"}),
    Scene("a mark of the order of bytes", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": f"\ufeff{TYPE}"}),
    Scene("a space that is none", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": f"{TYPE}\u00a0{TYPE}"}),
    Scene("a word in Latin-1", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": "AddType text/caf\udce9 .txt\n\udce9dit x\n"}),
    Scene("mod_rewrite is not loaded", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": "RewriteEngine on\n"}),
    Scene("misspelled section", directory("/srv", "AllowOverride All"), {f"{SHOP}/.htaccess": f"<Fils x>\n{TYPE}</Fils>\n"}),
    Scene(
        "unknown, but not fatal",
        directory("/srv", "AllowOverride All Nonfatal=Unknown"),
        {f"{SHOP}/.htaccess": f"php_value a 1\n{TYPE}"},
        mark="</NotAtAll>",
    ),
    Scene(
        "directive of a module that no trial loads",
        f"LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n{directory('/srv', 'AllowOverride AuthConfig FileInfo Options')}",
        {f"{SHOP}/.htaccess": f"SSLOptions \\\n +StdEnvVars\n{TYPE}SSLVerifyDepth 1\n", "/srv/www/.htaccess": TYPE},
    ),
    Scene(
        "guards by version, directive and definition",
        f"Define HERE\n{directory('/srv', 'AllowOverride FileInfo')}",
        {
            f"{SHOP}/.htaccess": "".join(
                f"<{guard}>\n{AUTH}</{guard.split()[0]}>\n"
                for guard in ("IfVersion < 2.4", "IfVersion 2.2", "IfDirective php_value", "IfDefine GONE", "IfDefine !HERE")
            )
        },
    ),
    Scene(
        "a guard that holds",
        directory("/srv", "AllowOverride FileInfo"),
        {f"{SHOP}/.htaccess": f"<IfVersion >= 2.4>\n<IfDirective !php_value>\n{AUTH}</IfDirective>\n</IfVersion>\n"},
    ),
    Scene("condition", "<IfModule !mod_nosuch.c>\n" + directory("/srv", "AllowOverride All") + "</IfModule>\n"),
)
