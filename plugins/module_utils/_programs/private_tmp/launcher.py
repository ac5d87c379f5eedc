# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""private-tmp: run one command with a private /tmp and /var/tmp, which are removed when the command ends.

    private-tmp [--user U] [--keep NAMES] [--options noexec,nosuid,nodev] [--backing tmpfs|disk] [--size S] [--mode M] [--folder D]
                -- COMMAND [ARG ...]

The module installs this file unchanged as a program, and it only needs Python 3.8 and the C library. A shell script around unshare and
setpriv is not enough: a shell handles a signal only between two commands, cannot distinguish a signal of the terminal to the whole
group from a signal that has to be passed on, turns the death by a signal into an exit code, and opens files by name, where only an
open folder is safe from being replaced.

Three processes with backing C(disk), two with C(tmpfs):

- the launcher waits, passes signals on, removes the folder, and ends as the command ended;
- the command runs in a private mount namespace, and is killed with the launcher;
- a guard in its own session removes the folder if the launcher is killed. If both are killed, the next start removes it: a folder
  whose lock is free has no user.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import fcntl
import os
import pwd
import re
import resource
import signal
import stat
import sys
import time
from typing import Callable, Dict, List, NoReturn, Optional, Sequence, Tuple

FAILED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127
"""The launcher's own exit codes, the same as those of env, chroot and timeout."""

PLACES = ("/tmp", "/var/tmp")
FOLDER = "/var/lib/private-tmp"
PREFIX = "run-"
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
SMALLEST = 64 << 10
"""The smallest size of a tmpfs, in bytes."""

_CLONE_NEWNS = 0x00020000
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 32, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG = 1
_OPTIONS = {"nosuid": (2, os.ST_NOSUID), "nodev": (4, os.ST_NODEV), "noexec": (8, os.ST_NOEXEC)}
_REMOVAL_LIMIT, _ABANDONED_LIMIT = 20.0, 2.0
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# Signals that are not passed on: some cannot be caught, some are faults of the program itself, and the terminal also sends the
# signals of job control to the command.
_OWN = {"SIGKILL", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGCONT", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS"}

# What a login sets, as in login.defs of the distributions.
_PATH_OF_ROOT = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATH_OF_USERS = "/usr/local/bin:/usr/bin:/bin"
# Folders of programs such as pam_tmpdir are not in the new /tmp.
_TEMPORARY = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


class Failure(Exception):
    """The reason why the command cannot be run, as a text for the user."""


class Parser(argparse.ArgumentParser):
    """Ends with the launcher's own exit code, so that no caller takes a wrong option for the command's result."""

    def error(self, message: str) -> NoReturn:
        """Print the error and end."""
        self.exit(FAILED, f"{self.prog}: {message}\n")


def parse(argv: Sequence[str]) -> Tuple[argparse.Namespace, List[str]]:
    """The options, and the command, which follows the first C(--)."""
    parser = Parser(prog="private-tmp", allow_abbrev=False, usage="%(prog)s [OPTION ...] -- COMMAND [ARG ...]")
    parser.add_argument("--user", type=_user, metavar="U", help="run the command as this user; default: root")
    parser.add_argument(
        "--keep", type=_names, default=(), metavar="NAMES", help="variables that U gets besides those of a login, as in LANG,LC_ALL"
    )
    parser.add_argument("--options", type=_options, default="noexec,nosuid,nodev", metavar="LIST", help="mount options; %(default)s")
    parser.add_argument("--backing", choices=["tmpfs", "disk"], default="tmpfs", help="storage of /tmp; %(default)s")
    parser.add_argument("--size", type=check_size, metavar="S", help="limit of a tmpfs, such as 64M or 10%%; default: 10%% of the memory")
    parser.add_argument(
        "--mode", type=check_mode, default="1777", help="mode of /tmp, which belongs to root and the user's group; %(default)s"
    )
    parser.add_argument(
        "--folder", type=os.path.abspath, default=FOLDER, metavar="D", help="root's folder for the content of a /tmp on disk; %(default)s"
    )
    words = list(argv)
    if "--" not in words and words[:1] not in (["-h"], ["--help"]):
        # Without -- an option could belong to either program, and ls -h would print the launcher's help.
        parser.error("put the command behind --, as in private-tmp [OPTION ...] -- COMMAND [ARG ...]")
    split = words.index("--") if "--" in words else len(words)
    options, command = parser.parse_args(words[:split]), words[split + 1 :]
    if not command:
        parser.error("give a command behind --")
    if options.size and options.backing == "disk":
        parser.error("--size is for a tmpfs; a folder on disk has no limit")
    if options.user is not None and options.user.pw_uid and not options.mode & 0o022:
        parser.error(f"--mode {options.mode:04o} lets only root write; give 0770, which lets the group of {options.user.pw_name} write")
    return options, command


def _user(text: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(text)
    except KeyError:
        raise argparse.ArgumentTypeError(f"there is no user {text!r} on this host") from None


def _names(text: str) -> Tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    wrong = [name for name in names if "=" in name]
    if wrong:
        # A value on the command line could be read by every user.
        raise argparse.ArgumentTypeError("give only the names of variables; their values are those of the environment")
    return names


def _options(text: str) -> Tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    unknown = [name for name in names if name not in _OPTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown option {unknown[0]!r}; known are {', '.join(sorted(_OPTIONS))}")
    return names


def check_size(text: str) -> str:
    """The limit of a tmpfs in mount's form; the module has the same rule.

    :raises ArgumentTypeError: for another text, with the reason.
    """
    # [0-9] because \d also accepts digits of other scripts, and \Z because $ accepts a final line break.
    found = re.match(r"(?:([1-9][0-9]*)([KMGkmg]?)|(?:[1-9][0-9]?|100)%)\Z", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; give bytes, 512K, 64M, 1G, or 1% to 100% of the memory")
    if found.group(1) and int(found.group(1)) * UNITS[found.group(2).upper()] < SMALLEST:
        raise argparse.ArgumentTypeError(f"{text} is too little for a /tmp; give at least {SMALLEST >> 10}K")
    return text.upper()


def check_mode(text: str) -> int:
    """The mode of a /tmp; the module has the same rule.

    :raises ArgumentTypeError: for another text, with the reason.
    """
    # The owner's 7 also excludes 0770 and 01777 that YAML has read as numbers: they arrive as 504 and 1023.
    if not re.match(r"[01]?7[0-7]{2}\Z", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a mode of a /tmp; give an octal mode with 7 for root such as '1777' or '0770'")
    return int(text, 8)


# The folder behind a /tmp on disk


def open_base(path: str) -> int:
    """Open root's folder, and create it if it is missing.

    :raises Failure: another user could write to the folder, and so prepare its content.
    """
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise Failure(f"{path} cannot be created: {error.strerror}") from None
    try:
        folder = os.open(path, _OPEN_FOLDER)
    except OSError:
        raise Failure(f"{path} is a link, or not a folder; remove it or give another --folder") from None
    found = os.fstat(folder)
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise Failure(
            f"{path} belongs to uid {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}: others could write to it; give another"
        )
    return folder


def make_folder(base: int) -> Tuple[str, int]:
    """Create a folder with a random name, and hold its lock. Returns its name and its descriptor; closing the descriptor frees the lock."""
    while True:
        name = PREFIX + os.urandom(12).hex()
        os.mkdir(name, 0o700, dir_fd=base)
        try:
            return name, _lock(base, name)
        except (FileNotFoundError, BlockingIOError):
            # A folder without a lock looks abandoned, and another launcher may remove it at this moment. The base has no lock against
            # that, because every user who may open the base could hold such a lock, and no command would start.
            continue


def _lock(base: int, name: str) -> int:
    """Open a folder of a launcher and hold its lock.

    :raises FileNotFoundError: the folder was removed.
    :raises BlockingIOError: the folder is in use.
    """
    folder = os.open(name, _OPEN_FOLDER, dir_fd=base)
    try:
        found = os.fstat(folder)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise Failure(f"{name} is a folder of uid {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}, and not root's alone")
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.stat(name, dir_fd=base, follow_symlinks=False)
    except (Failure, OSError):
        os.close(folder)
        raise
    return folder


def remove_abandoned(base: int) -> None:
    """Remove the folders of launchers that were killed together with their guards."""
    # The time is limited because a command waits; the next start removes the rest.
    end = time.monotonic() + _ABANDONED_LIMIT
    for name in os.listdir(base):
        if not re.match(PREFIX + r"[0-9a-f]{24}\Z", name):
            continue
        try:
            lock = _lock(base, name)
        except (Failure, OSError):
            continue
        remove(base, name, end)
        os.close(lock)


def remove(base: int, name: str, end: float) -> bool:
    """Remove the folder and all its content; false if it could not be emptied until C(end), or at all.

    Inner folders are first moved to the top, so that no depth of nesting, which any user could make, exhausts memory or descriptors. No
    file is opened by its path, and no link is followed.
    """
    while True:
        try:
            top = os.open(name, _OPEN_FOLDER, dir_fd=base)
        except FileNotFoundError:
            return True
        try:
            done = [_remove_entry(top, entry) for entry in _entries(top)]
        finally:
            os.close(top)
        try:
            os.rmdir(name, dir_fd=base)
        except OSError as error:
            # Processes that live longer than the command may still write. Immutable files stay.
            stuck = done and not any(done)
            if error.errno != errno.ENOTEMPTY or stuck or time.monotonic() > end:
                return error.errno == errno.ENOENT


def _remove_entry(top: int, entry: str) -> bool:
    """Remove a file, or the entries of a folder; false if none could be removed."""
    if _did(os.unlink, entry, dir_fd=top):
        return True
    try:
        folder = os.open(entry, _OPEN_FOLDER, dir_fd=top)
    except OSError:
        return False
    try:
        done = [
            _did(os.unlink, child, dir_fd=folder) or _did(os.rename, child, os.urandom(12).hex(), src_dir_fd=folder, dst_dir_fd=top)
            for child in _entries(folder)
        ]
        # Entries that were created in the meantime are removed in the next round.
        return _did(os.rmdir, entry, dir_fd=top) or any(done)
    finally:
        os.close(folder)


def _entries(folder: int) -> List[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        # The folder was removed while it was open.
        return []


def _did(call: Callable[..., None], *names: str, **folders: int) -> bool:
    """Whether a call succeeded, or was not necessary any more."""
    try:
        call(*names, **folders)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def start_guard(base: int, name: str, lock: int) -> Tuple[int, int]:
    """Start the guard, which removes the folder if this process is killed. Returns its id, and a descriptor that has to stay open."""
    ending, living = os.pipe()
    guard = os.fork()
    if guard:
        os.close(ending)
        return guard, living
    try:
        # In its own session a signal to the group of the launcher does not reach the guard.
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        null = os.open("/dev/null", os.O_RDWR)
        for standard in range(3):
            os.dup2(null, standard)
        _close_all_but(ending, base, lock)
        os.chdir("/")
        os.read(ending, 1)
        remove(base, name, time.monotonic() + _REMOVAL_LIMIT)
    finally:
        os._exit(0)


def _close_all_but(*kept: int) -> None:
    # No copy may stay open here, because the command may close an inherited descriptor to tell a caller that it is ready.
    for text in os.listdir("/proc/self/fd"):
        descriptor = int(text)
        if descriptor > 2 and descriptor not in kept:
            try:
                os.close(descriptor)
            except OSError:
                # This was the descriptor of the listing itself.
                pass


# The command


def mount(source: Optional[str], target: str, kind: Optional[str], flags: int, data: Optional[str] = None) -> None:
    """Call mount(2)."""
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, data)]
    if _libc.mount(words[0], words[1], words[2], flags, words[3]):
        number = ctypes.get_errno()
        raise Failure(f"{target}: {kind or 'bind'} mount failed: {os.strerror(number)}")


def enter(options: argparse.Namespace, folder: Optional[Tuple[str, int]]) -> None:
    """Give this process a private mount namespace, in which /tmp and /var/tmp are new."""
    group = options.user.pw_gid if options.user else 0
    if _libc.unshare(_CLONE_NEWNS):
        raise Failure(f"no mount namespace: {os.strerror(ctypes.get_errno())}; the kernel needs them, and the launcher needs root")
    # systemd makes the mounts of a host shared: without this call every process would get this /tmp.
    mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    flags = 0
    for name in options.options:
        flags |= _OPTIONS[name][0]
    if folder is None:
        for place in _places():
            mount("private-tmp", place, "tmpfs", flags, f"mode={options.mode:04o},gid={group},size={options.size or '10%'}")
    else:
        _mount_from(_reopened(folder), flags, options.mode, group)
    for place in _places():
        _prove(place, options.options)
    _leave_old_places()


def _leave_old_places() -> None:
    """Go to the new /tmp if the current folder is the old /tmp or below it: it would stay open, and lead out of the private /tmp.

    Any other current folder stays and is not looked up again, because its owner could use that to lead root to another place.
    """
    try:
        here = os.getcwd()
    except FileNotFoundError:
        # The current folder was removed; its parent may be the old /tmp.
        os.chdir("/")
        return
    for place in _places():
        if here == place or here.startswith(f"{place}/"):
            os.chdir(place if here == place else "/")


def _mount_from(folder: int, flags: int, mode: int, group: int) -> None:
    # All is done before the first mount, which may hide the folder.
    sources = [(_make_place(folder, place.strip("/").replace("/", "_"), mode, group), place) for place in _places()]
    for source, place in sources:
        # The folder is taken by its descriptor, because another folder may have the name by now.
        mount(f"/proc/self/fd/{source}", place, None, _MS_BIND)
        mount(None, place, None, _MS_REMOUNT | _MS_BIND | flags)


def _reopened(folder: Tuple[str, int]) -> int:
    """The folder, opened in this mount namespace, because the kernel mounts no folder of another namespace."""
    path, known = folder
    found = os.open(path, _OPEN_FOLDER)
    if not os.path.samestat(os.fstat(found), os.fstat(known)):
        raise Failure(f"{path} was replaced while the launcher started")
    return found


def _places() -> List[str]:
    """The paths /tmp and /var/tmp with links resolved, each once: on some hosts /var/tmp is a link to /tmp."""
    return sorted({os.path.realpath(place) for place in PLACES})


def _make_place(folder: int, name: str, mode: int, group: int) -> int:
    os.mkdir(name, 0o700, dir_fd=folder)
    place = os.open(name, _OPEN_FOLDER, dir_fd=folder)
    os.fchown(place, 0, group)
    os.fchmod(place, mode)
    return place


def _prove(place: str, options: Sequence[str]) -> None:
    flags = os.statvfs(place).f_flag
    missing = [name for name in options if not flags & _OPTIONS[name][1]]
    if missing:
        raise Failure(f"{place}: the kernel did not accept {', '.join(missing)}")


def become(user: Optional[pwd.struct_passwd], keep: Sequence[str] = ()) -> Dict[str, str]:
    """Drop privileges permanently. Returns the environment of the command."""
    found = given()
    if user is None:
        return {name: value for name, value in found.items() if name not in _TEMPORARY}
    os.initgroups(user.pw_name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    # The caller's variables may be secrets, or belong to a session of root. TERM belongs to the terminal.
    return {**login(user), **{name: value for name, value in found.items() if name == "TERM" or name in keep}}


def login(user: pwd.struct_passwd) -> Dict[str, str]:
    """The variables that a login gives to a user."""
    path = _PATH_OF_USERS if user.pw_uid else _PATH_OF_ROOT
    return {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name, "SHELL": user.pw_shell or "/bin/sh", "PATH": path}


def given() -> Dict[str, str]:
    """The environment that the caller gave, without the variable that Python adds if no locale is set (PEP 538)."""
    found = dict(os.environ)
    with open("/proc/self/environ", "rb") as stream:
        if not any(entry.startswith(b"LC_CTYPE=") for entry in stream.read().split(b"\0")):
            found.pop("LC_CTYPE", None)
    return found


def execute(command: Sequence[str], env: Dict[str, str]) -> NoReturn:
    """Does the same as os.execvpe, which would first load a module of Python that the user may have no right to read."""
    if os.path.dirname(command[0]):
        os.execve(command[0], list(command), env)
    denied = None
    for folder in env.get("PATH", os.defpath).split(os.pathsep):
        try:
            os.execve(os.path.join(folder, command[0]), list(command), env)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            denied = denied or error
    raise denied or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def run_command(
    options: argparse.Namespace, command: Sequence[str], folder: Optional[Tuple[str, int]], mask: Sequence[int], launcher: int
) -> NoReturn:
    """Run the command in the child; never returns. C(launcher) is the parent's process id, taken before the fork."""
    code = FAILED
    try:
        enter(options, folder)
        env = become(options.user, options.keep)
        # This follows the change of user, which clears the setting.
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != launcher:
            os._exit(FAILED)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            # Python ignores these signals, and a command would inherit that.
            signal.signal(number, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            # Python would raise a signal from before the command as an exception, which would not end this process.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = NOT_EXECUTABLE
        execute(command, env)
    except (Failure, OSError) as error:
        if code == NOT_EXECUTABLE and isinstance(error, OSError):
            code = NOT_FOUND if isinstance(error, (FileNotFoundError, NotADirectoryError)) else code
            _say(f"{command[0]}: {error.strerror}")
        else:
            _say(str(error))
    finally:
        os._exit(code)


def wait(child: int, signals: Sequence[int]) -> int:
    """Pass signals on until the command ends. Returns its status in the form of waitpid."""
    while True:
        info = signal.sigwaitinfo(signals)
        if info.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status
        elif info.si_code <= 0 or not _from_terminal(info.si_signo):
            os.kill(child, info.si_signo)


def _from_terminal(number: int) -> bool:
    """Whether the command has also got a signal of the kernel, so that it would get a passed signal twice.

    Other signals of the kernel go only to this process, such as the signal of a timer that a caller has set for the command.
    """
    if number == signal.SIGHUP:
        # A lost line sends it to the leader of the session; the end of the leader sends it to the group in the foreground.
        return os.getsid(0) != os.getpid()
    return number in (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH)


def end_as(status: int) -> NoReturn:
    """End like the command: with its exit code, or by its signal."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        # The command has left its own core file, if any.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os._exit(128 + number)
    os._exit(os.WEXITSTATUS(status))


def _fill_standard_descriptors() -> None:
    """Open standard descriptors that the caller has closed: else another file of this process would get the number. The command finds them
    closed again."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        if descriptor > 2:
            os.close(descriptor)
            return


def _say(text: str) -> None:
    try:
        os.write(2, f"private-tmp: {text}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        pass


def run(options: argparse.Namespace, command: Sequence[str]) -> int:
    """Make the folder, run the command, remove the folder. Returns the command's status."""
    signals = {number for number in signal.valid_signals() if getattr(number, "name", "") not in _OWN}
    # A caller may ignore SIGCHLD, and then the status of the command would be lost.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    mask = list(signal.pthread_sigmask(signal.SIG_BLOCK, signals))
    if options.backing == "tmpfs":
        return _start_and_wait(options, command, None, mask, list(signals), ())
    base = open_base(options.folder)
    remove_abandoned(base)
    name, folder = make_folder(base)
    guard, living = start_guard(base, name, folder)
    path = f"{options.folder}/{name}"
    status = _start_and_wait(options, command, (path, folder), mask, list(signals), (base, folder, living))
    if not remove(base, name, time.monotonic() + _REMOVAL_LIMIT):
        _say(f"{path} cannot be removed: it is still written to, or has immutable files; the next start tries again")
    # The guard must not try again to remove the rest.
    os.kill(guard, signal.SIGKILL)
    os.waitpid(guard, 0)
    return status


def _start_and_wait(
    options: argparse.Namespace,
    command: Sequence[str],
    folder: Optional[Tuple[str, int]],
    mask: Sequence[int],
    signals: Sequence[int],
    kept: Sequence[int],
) -> int:
    launcher = os.getpid()
    child = os.fork()
    if not child:
        run_command(options, command, folder, mask, launcher)
    _close_all_but(*kept)
    return wait(child, signals)


def main(argv: Sequence[str]) -> NoReturn:
    """Run the program."""
    _fill_standard_descriptors()
    options, command = parse(argv)
    try:
        if os.geteuid() != 0:
            raise Failure("needs root, for the mounts; use --user to run the command as another user")
        if not os.path.isdir("/proc/self/fd"):
            raise Failure("needs /proc, which is not mounted here")
        status = run(options, command)
    except (Failure, OSError) as error:
        _say(str(error))
        raise SystemExit(FAILED) from None
    end_as(status)


if __name__ == "__main__":
    main(sys.argv[1:])
