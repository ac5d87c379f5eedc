# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of Apache as it reads it itself, and the folders on the way to each path as its user sees them. Changes nothing."""

from __future__ import annotations

import errno
import os
import pwd
import re
import stat
from dataclasses import replace
from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Sequence, Tuple

from ...._core.errors import CommandError, ObservationError
from ...._core.runner import Runner
from ...._host.files import Host
from ...._host.isolated import end_with_parent, in_child
from ...conf import ConfError, Line, Section, parse, read_lines
from ..conditions import asked, files_asked
from ..directives import classes_by_directive
from ..options import Wanted
from ..rehearsal import loads
from ..state import AccessText, Apache, Folder
from ..verdict import document_root, file_names, server_names

_LIMIT = 60.0
_LARGEST = 4 << 20
"""Characters of a file that are looked at: whoever may write into a site may give it any size."""
_ENVVARS = "/etc/apache2/envvars"
_INFO = ("/usr/lib/apache2/modules/mod_info.so", "/usr/lib64/httpd/modules/mod_info.so", "modules/mod_info.so")
# The server itself makes it, so that it may be missing.
_RUN = {"APACHE_RUN_DIR": "/run", "APACHE_LOCK_DIR": "/run"}

Case = Tuple[str, str, Tuple[Folder, ...]]


def observe(wanted: Wanted, runner: Runner, host: Host) -> Tuple[Apache, Tuple[Case, ...]]:
    """The configuration, and for each server and path the folders on the way.

    :raises ObservationError: Apache is missing, or refuses its configuration.
    """
    found = read_apache(host, runner, wanted.config)
    user = found.main.value("user", "www-data")
    cases: List[Case] = []
    for server in server_names(found):
        for path in wanted.paths or (os.path.normpath(document_root(found, server)),):
            cases.append((server, path, _folders(path, file_names(found, server), user)))
    return _ask(host, runner, wanted.config, found, cases), tuple(cases)


def _ask(host: Host, runner: Runner, config: Optional[str], found: Apache, cases: Sequence[Case]) -> Apache:
    """Let Apache list its directives twice: with all its modules, and without the modules that no trial loads."""
    texts = [file.text for _server, _path, folders in cases for folder in folders for file in folder.files]
    lines = [line for text in texts for line in read_lines(text, "", is_apache=True)]
    base = [found.program, *(["-f", config] if config else [])]
    needs = classes_by_directive(_said(host, runner, [*base, "-L"]))
    defines = re.findall(r"^Define: ([^\s=]+)", _said(host, runner, [*base, "-t", "-D", "DUMP_RUN_CFG"]), re.MULTILINE)
    modules = [word for name, path in loads(found.loads) for word in ("-C", f"LoadModule {name} {path}")]
    nothing = [found.program, "-f", "/dev/null", "-C", "ErrorLog /dev/null", "-C", "ServerName localhost"]
    proved = classes_by_directive(_said(host, runner, [*nothing, *modules, "-L"]))
    top = found.main.value("serverroot", "/")
    return replace(
        found,
        defines=tuple(name for name in defines if not name.startswith("DUMP_")),
        needs=needs,
        unproved=tuple(sorted({*asked(lines)} & {*needs} - {*proved})),
        present=tuple(name for name in dict.fromkeys(files_asked(lines)) if os.path.exists(os.path.join(top, name))),
    )


def _said(host: Host, runner: Runner, argv: Sequence[str]) -> str:
    try:
        return runner.run(["env", *_environment(host), *argv]).stdout
    except CommandError as error:
        raise ObservationError(f"{argv[0]} does not say what it has: {error.problem}. Nothing was changed") from None


def read_apache(host: Host, runner: Runner, config: Optional[str]) -> Apache:
    """The configuration, with all files, conditions and variables resolved by Apache."""
    program = "apache2" if host.program("apache2") else "httpd"
    info = next((path for path in _INFO if host.exists(path)), _INFO[-1])
    argv = ["env", *_environment(host), program, *(["-f", config] if config else []), "-C", f"LoadModule info_module {info}"]
    try:
        dump = runner.run([*argv, "-t", "-D", "DUMP_CONFIG"]).stdout
        modules = runner.run([*argv, "-t", "-D", "DUMP_MODULES"]).stdout
        included = runner.run([*argv, "-t", "-D", "DUMP_INCLUDES"]).stdout
        version = runner.run([program, "-v"]).stdout
    except CommandError as error:
        raise ObservationError(f"{program} refuses its configuration: {error.problem}. Nothing was changed") from None
    names = re.findall(r"^ (\w+) \((?:static|shared)\)", modules, re.MULTILINE)
    loads = tuple(_loads(host, re.findall(r"^ +\(\S+\) (\S+)", included, re.MULTILINE), frozenset(names)))
    files = tuple(f"mod_{name[: -len('_module')]}.c" for name in names if name.endswith("_module"))
    number = re.search(r"Apache/(\S+)", version)
    return Apache(program, number.group(1) if number else "", _tree(dump), (*names, *files), loads)


def _environment(host: Host) -> List[str]:
    """The variables that the start script of Debian sets."""
    found: Dict[str, str] = {}
    for name, value in re.findall(r"^export (\w+)=(\S*)", host.read(_ENVVARS) or "", re.MULTILINE):
        found[name] = value.replace("$SUFFIX", "")
    return [f"{name}={value}" for name, value in {**found, **_RUN}.items()]


def _tree(dump: str) -> Section:
    """The dump of mod_info, which says before each line where it is written."""
    lines: List[Line] = []
    file, number = "", 0
    for text in dump.splitlines():
        place = re.match(r"\s*#\s*(?:In file: (.*)|(\d+):)\s*$", text)
        if place:
            file, number = place.group(1) or file, int(place.group(2) or number)
            continue
        lines += [Line(file, number, line.words) for line in read_lines(text, file, is_apache=True)]
    try:
        return parse(lines)
    except ConfError as error:
        raise ObservationError(f"the configuration of Apache cannot be read: {error}") from None


def _loads(host: Host, files: Sequence[str], known: FrozenSet[str]) -> Iterator[Tuple[str, str]]:
    for file in files:
        for line in read_lines(host.read(file) or "", file, is_apache=True):
            if line.name == "loadmodule" and len(line.arguments) == 2 and line.arguments[0] in known:
                yield line.arguments[0], line.arguments[1]


def _folders(path: str, names: Sequence[str], user: str) -> Tuple[Folder, ...]:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise ObservationError(f"User {user} of Apache's configuration does not exist: create the user") from None
    groups = os.getgrouplist(user, entry.pw_gid)

    def look() -> List[Dict[str, Any]]:
        os.setgroups(groups)
        os.setegid(entry.pw_gid)
        os.seteuid(entry.pw_uid)
        end_with_parent()
        return list(_way(path, names))

    made = in_child(look, _LIMIT)
    return tuple(Folder(**{**each, "files": tuple(AccessText(**one) for one in each["files"])}) for each in made)


def _prefixes(path: str) -> Iterator[str]:
    yield "/"
    current = ""
    for name in path.strip("/").split("/"):
        if name:
            current = f"{current}/{name}"
            yield current


def _way(path: str, names: Sequence[str]) -> Iterator[Dict[str, Any]]:
    """The folders as far as the server gets."""
    for each in _prefixes(path):
        try:
            is_folder = stat.S_ISDIR(os.stat(each).st_mode)
        except OSError as error:
            yield {"path": each, "files": [], "error": _why(error)}
            return
        if not is_folder:
            yield {"path": each, "files": [], "error": "is no folder, so that only the files above it count"}
            return
        yield _folder(each, names)


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "does not exist, so that only the files above it count"
    return f"cannot be reached by the server ({error.strerror}): requests get 403"


def _folder(path: str, names: Sequence[str]) -> Dict[str, Any]:
    is_link = os.path.islink(path)
    same = not is_link or os.lstat(path).st_uid == os.stat(path).st_uid
    files = [each for each in (_text(f"{path.rstrip('/')}/{name}") for name in names) if each]
    return {"path": path, "files": files, "is_link": is_link, "has_owner_of_target": same}


def _text(path: str) -> Optional[Dict[str, str]]:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8", errors="surrogateescape") as stream:
            # Apache does not read it either. A link to a device may have no end.
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise OSError(errno.EINVAL, "is no regular file")
            return {"path": path, "text": stream.read(_LARGEST), "error": ""}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return {"path": path, "text": "", "error": str(error.strerror)}
