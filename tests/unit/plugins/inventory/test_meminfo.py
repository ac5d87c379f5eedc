# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over many hosts: how each is reached, what comes of those that cannot be, and the groups they land in."""

from __future__ import annotations

import getpass
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import constants, context
from ansible.utils.context_objects import CLIArgs

from ansible_collections.fleetlab.linux.plugins.inventory.meminfo import EXAMPLES
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import COMMAND, parse_output
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.parallel import run_all
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.ssh_command import SECRETS, NotHonoured, names_of_variables, ssh_command
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.test_collect import printed

ROOT = Path(__file__).resolve().parents[4]


def test_a_local_host_is_read_by_a_shell() -> None:
    assert ssh_command("a", {"ansible_connection": "local"}) == ["/bin/sh", "-c", COMMAND]


def test_an_ssh_host_is_reached_as_ansible_reaches_it() -> None:
    variables = {
        "ansible_host": "192.0.2.7",
        "ansible_user": "deploy",
        "ansible_port": 2222,
        "ansible_ssh_private_key_file": "/keys/id",
        "ansible_ssh_common_args": "-o ProxyJump=bastion",
        "ansible_ssh_extra_args": "-4",
        "ansible_ssh_executable": "/opt/ssh",
    }
    argv = ssh_command("a", variables)
    assert argv[:3] == ["/opt/ssh", "-o", "BatchMode=yes"]
    text = " ".join(argv)
    for part in ("Port=2222", 'User="deploy"', 'IdentityFile="/keys/id"', "ProxyJump=bastion", " -4 "):
        assert part in text
    assert argv[-2] == "192.0.2.7"
    assert "StrictHostKeyChecking" not in text


def test_ssh_is_never_talkative() -> None:
    # A connection that stays open would write on, and the host would take the whole timeout each time that it is made.
    assert ssh_command("a", {"ansible_ssh_verbosity": 3}) == ssh_command("a", {})


def test_the_name_is_the_address_where_there_is_no_other() -> None:
    assert ssh_command("web1", {})[-2] == "web1"


def test_host_keys_are_left_unchecked_only_where_the_user_says_so() -> None:
    assert "StrictHostKeyChecking=no" in ssh_command("a", {"ansible_host_key_checking": False})


@pytest.mark.parametrize("become", [True, "true", "yes", 1])
def test_become_is_sudo_that_asks_for_nothing(become: Any) -> None:
    command = ssh_command("a", {"ansible_connection": "local", "ansible_become": become, "ansible_become_user": "app user"})[-1]
    assert command.startswith("sudo -H -S -n -u 'app user' /bin/sh -c ")
    assert ssh_command("a", {"ansible_connection": "local", "ansible_become": "no"})[-1] == COMMAND


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"ansible_connection": "community.docker.docker"}, "community.docker.docker"),
        ({"ansible_password": "x"}, "ansible_password"),
        ({"ansible_ssh_pass": "x"}, "ansible_ssh_pass"),
        ({"ansible_become": True, "ansible_become_password": "x"}, "ansible_become_password"),
        ({"ansible_become": True, "ansible_become_method": "su"}, "su"),
        ({"ansible_become": True, "ansible_become_method": "community.general.doas"}, "doas"),
        ({"ansible_shell_type": "powershell"}, "ansible_shell_type"),
        ({"ansible_shell_type": "ansible.builtin.cmd"}, "ansible_shell_type"),
        ({"ansible_connection": "ansible.netcommon.network_cli"}, "network_cli"),
        ({"ansible_connection": "paramiko_ssh"}, "paramiko_ssh"),
    ],
)
def test_what_one_pass_can_not_follow_is_named_and_secrets_are_not(variables: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotHonoured, match=reason) as error:
        ssh_command("a", variables)
    assert "x:" not in str(error.value)


def test_a_cheaper_key_exchange_is_an_option_and_what_the_host_says_comes_first() -> None:
    assert "KexAlgorithms" not in " ".join(ssh_command("a", {}))
    argv = ssh_command("a", {"ansible_ssh_extra_args": "-o KexAlgorithms=sntrup761x25519-sha512@openssh.com"}, "curve25519-sha256")
    assert argv[-2] == "a"
    shown = subprocess.run(["ssh", "-F", "none", "-G", *argv[1:-1]], capture_output=True, text=True, check=True).stdout
    assert "kexalgorithms sntrup761x25519-sha512@openssh.com\n" in shown
    argv = ssh_command("a", {}, "curve25519-sha256")
    shown = subprocess.run(["ssh", "-F", "none", "-G", *argv[1:-1]], capture_output=True, text=True, check=True).stdout
    assert "kexalgorithms curve25519-sha256\n" in shown
    assert ssh_command("a", {"ansible_connection": "local"}, "curve25519-sha256")[0] == "/bin/sh"


def test_every_variable_that_holds_a_secret_is_known() -> None:
    declared = {("connection", "ssh"): ("password", "private_key", "private_key_passphrase"), ("become", "sudo"): ("become_pass",)}
    names_of_variables()  # Has the plugins loaded, and with them what they declare.
    for (kind, plugin), options in declared.items():
        definitions = constants.config.get_configuration_definitions(kind, plugin)
        for option in options:
            assert {entry["name"] for entry in definitions.get(option, {}).get("vars", [])} <= SECRETS
            for entry in definitions.get(option, {}).get("vars", []):
                with pytest.raises(NotHonoured, match=entry["name"]):
                    ssh_command("a", {"ansible_become": True, entry["name"]: None})


def test_a_key_that_is_no_file_is_not_handed_to_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_PRIVATE_KEY", "-----BEGIN")
    with pytest.raises(NotHonoured, match="private_key") as error:
        ssh_command("a", {})
    assert "BEGIN" not in str(error.value)


def test_who_is_that_user_already_needs_no_sudo() -> None:
    become = {"ansible_become": True}
    assert ssh_command("a", {**become, "ansible_connection": "local", "ansible_become_user": getpass.getuser()})[-1] == COMMAND
    assert "sudo" not in ssh_command("a", {**become, "ansible_user": "root"})[-1]
    assert "sudo" in ssh_command("a", {**become, "ansible_user": "deploy"})[-1]
    assert "sudo" in ssh_command("a", become)[-1]


def test_sudo_starts_where_the_host_says() -> None:
    command = ssh_command(
        "a", {"ansible_connection": "local", "ansible_become": True, "ansible_become_user": "app", "ansible_sudo_chdir": "/a b"}
    )[-1]
    assert command.startswith("cd '/a b' && sudo ")


def test_what_the_command_line_says_stands_behind_what_a_host_says(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"connection": "local", "become": True, "become_method": "sudo", "become_user": "app"}
    monkeypatch.setattr(context, "CLIARGS", CLIArgs(said))
    assert ssh_command("a", {})[:2] == ["/bin/sh", "-c"]
    assert "-u app" in ssh_command("a", {})[-1]
    assert ssh_command("a", {"ansible_become": False})[-1] == COMMAND
    assert "-u web" in ssh_command("a", {"ansible_become_user": "web"})[-1]
    assert ssh_command("a", {"ansible_connection": "ssh"})[0] == "ssh"
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({**said, "become_method": "su"}))
    with pytest.raises(NotHonoured, match="ansible_become_method: su"):
        ssh_command("a", {})


def test_names_of_hosts_may_be_anything() -> None:
    names = ["a[1-3]", "b,c", "d@e", "%host", "f g", "2001:db8::1"]
    outcomes = run_all({name: ["/bin/sh", "-c", f"echo '{name}'"] for name in names}, 3, 300)
    assert {name: outcome.stdout.decode().strip() for name, outcome in outcomes.items()} == {name: name for name in names}


def test_names_of_one_machine_are_read_once(tmp_path: Path) -> None:
    argv = ["/bin/sh", "-c", f"echo x >>{tmp_path}/calls; echo read"]
    outcomes = run_all({"a": argv, "b": list(argv), "c": [*argv, "other"]}, 5, 300)
    assert {name: bytes(outcome.stdout) for name, outcome in outcomes.items()} == dict.fromkeys("abc", b"read\n")
    assert (tmp_path / "calls").read_text(encoding="utf-8") == "x\n" * 2


def test_a_program_that_can_not_be_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text("", encoding="utf-8")
    outcome = run_all({"a": [str(tmp_path / "ssh"), "x"]}, 1, 300)["a"]
    assert f"{tmp_path}/ssh: Permission denied" in outcome.stderr.decode()
    assert outcome.exit_code == 127


def test_a_slow_host_is_ended_and_the_others_are_whole() -> None:
    start = time.monotonic()
    commands = {"slow": ["/bin/sh", "-c", "echo half; exec sleep 900"], "quick": ["/bin/sh", "-c", "echo whole; exit 3"]}
    outcomes = run_all(commands, 10, 10)
    assert time.monotonic() - start < 600
    assert outcomes["slow"].exit_code is None
    assert (bytes(outcomes["quick"].stdout), outcomes["quick"].exit_code) == (b"whole\n", 3)


def test_what_a_slow_host_started_ends_with_it(tmp_path: Path) -> None:
    script = f"sleep 900 & echo $! >{tmp_path}/child; wait"
    assert run_all({"a": ["/bin/sh", "-c", script]}, 1, 5)["a"].exit_code is None
    wait_for(lambda: not is_running(int((tmp_path / "child").read_text(encoding="utf-8"))))


def is_running(pid: int) -> bool:
    """Whether a process does more than wait for whoever adopts it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until it is so, a minute at most."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_streams_are_kept_apart_and_nobody_waits_for_input() -> None:
    outcome = run_all({"a": ["/bin/sh", "-c", "cat; echo out; echo err >&2"]}, 1, 300)["a"]
    assert (bytes(outcome.stdout), bytes(outcome.stderr), outcome.exit_code) == (b"out\n", b"err\n", 0)


def test_a_program_that_is_not_there_is_named() -> None:
    outcome = run_all({"a": ["/nowhere/ssh", "x"]}, 1, 300)["a"]
    assert b"/nowhere/ssh: not found" in outcome.stderr
    assert outcome.exit_code == 127
    assert run_all({}, 1, 1) == {}


def test_long_output_arrives_whole(tmp_path: Path) -> None:
    text = printed("5.10-numa") * 20
    (tmp_path / "long").write_text(text, encoding="utf-8")
    outcome = run_all({"a": ["/bin/cat", str(tmp_path / "long")]}, 1, 300)["a"]
    assert outcome.stdout.decode() == text


class Controller:
    """A folder with an inventory, and an ssh that is none: it does what it is told on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        link = folder / "collections" / "ansible_collections" / "fleetlab" / "linux"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        self.write("ssh", f'#!/bin/sh\nfor last; do :; done\necho x >>{folder}/calls\nexec /bin/sh -c "$last"\n').chmod(0o755)
        self.write("refuses", "#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n").chmod(0o755)
        self.write("cuts", '#!/bin/sh\nfor last; do :; done\n/bin/sh -c "$last" | head -n 9\n').chmod(0o755)
        self.write("hangs", "#!/bin/sh\nexec sleep 900\n").chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        """A file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def start(self) -> subprocess.Popen[str]:
        """Have ansible-inventory list the inventory."""
        env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(self.folder / "collections"), ANSIBLE_HOME=str(self.folder / "home"))
        env.update(LC_ALL="C.UTF-8", ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true")
        argv = [sys.executable, "-m", "ansible", "inventory", "-i", "hosts.yml", "-i", "fleet.meminfo.yml", "--list"]
        return subprocess.Popen(argv, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def list(self) -> dict[str, Any]:
        """The inventory as ansible-inventory lists it."""
        with self.start() as process:
            stdout, stderr = process.communicate()
        assert process.returncode == 0, stderr
        found: dict[str, Any] = json.loads(stdout)
        return found


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


HOSTS = """
all:
  children:
    web:
      vars: {program: ssh}
      hosts:
        good: {}
        refuses: {program: refuses}
        cut: {program: cuts}
        hangs: {program: hangs}
        secret: {ansible_password: "hunter2"}
        unknown: {ansible_host: "{{ nowhere }}"}
    here:
      hosts: {local: {ansible_connection: local}}
    others:
      hosts: {left: {ansible_connection: local}}
"""


def test_a_fleet_is_grouped_and_every_failure_named(controller: Controller) -> None:
    controller.write("hosts.yml", HOSTS)
    controller.write("group_vars/web.yml", f"ansible_ssh_executable: '{controller.folder}/{{{{ program }}}}'\n")
    controller.write(
        "fleet.meminfo.yml",
        "plugin: fleetlab.linux.meminfo\nhosts: all:!others\ntimeout: 10\nmin_available_percent: 0\n"
        "keyed_groups:\n  - {key: meminfo.available.source | default('none'), prefix: memory_by}\n"
        "groups: {some: meminfo is defined and meminfo.accounting.tmpfs >= 0}\ncompose: {percent: meminfo.available.percent}\n",
    )
    found = controller.list()
    variables = found["_meta"]["hostvars"]
    assert found["memory_ok"]["hosts"] == ["good", "local"]
    assert sorted(found["memory_unreachable"]["hosts"]) == ["cut", "hangs", "refuses", "secret", "unknown"]
    assert found["memory_by_kernel"]["hosts"] == found["some"]["hosts"] == ["good", "local"]
    assert variables["good"]["percent"] == variables["good"]["meminfo"]["available"]["percent"]
    for host, reason in (
        ("refuses", "Host key verification failed."),
        ("cut", "incomplete"),
        ("hangs", "took longer than 10 s"),
        ("secret", "ansible_password"),
        ("unknown", "nowhere"),
    ):
        assert "meminfo" not in variables[host]
        assert reason in str(variables[host]["meminfo_error"])
        assert "hunter2" not in str(variables[host]["meminfo_error"])
    assert "meminfo" not in variables["left"]


def test_a_host_is_grouped_by_the_limit_of_its_control_group(controller: Controller) -> None:
    controller.write("hosts.yml", "all: {hosts: {box: {}}}")
    controller.write("group_vars/all.yml", f"ansible_ssh_executable: {controller.folder}/box\n")
    controller.write("reading", printed("19-docker-2gib-on-64gib"))
    controller.write("box", f"#!/bin/sh\ncat {controller.folder}/reading\n").chmod(0o755)
    controller.write("fleet.meminfo.yml", "plugin: fleetlab.linux.meminfo\n")
    found = controller.list()
    assert found["memory_low"]["hosts"] == ["box"]
    meminfo = found["_meta"]["hostvars"]["box"]["meminfo"]
    assert (meminfo["available"]["percent"], meminfo["machine"]["available"]["percent"]) == (0.81, 88.28)


def test_a_cache_is_used_and_failures_are_tried_again(controller: Controller) -> None:
    ssh = controller.folder / "ssh"
    controller.write("hosts.yml", "all: {hosts: {good: {}, bad: {}}}")
    controller.write("group_vars/all.yml", f"ansible_ssh_executable: '{controller.folder}/{{{{ inventory_hostname }}}}'\n")
    shutil.copy(ssh, controller.folder / "good")
    shutil.copy(controller.folder / "refuses", controller.folder / "bad")
    controller.write(
        "fleet.meminfo.yml",
        "plugin: fleetlab.linux.meminfo\nmin_available_percent: 101\ncache: true\n"
        f"cache_plugin: ansible.builtin.jsonfile\ncache_connection: {controller.folder}/cache\n",
    )
    first = controller.list()
    assert (first["memory_low"]["hosts"], first["memory_unreachable"]["hosts"]) == (["good"], ["bad"])
    shutil.copy(ssh, controller.folder / "bad")
    second = controller.list()
    assert sorted(second["memory_low"]["hosts"]) == ["bad", "good"]
    assert second["_meta"]["hostvars"]["good"]["meminfo"] == first["_meta"]["hostvars"]["good"]["meminfo"]
    assert (controller.folder / "calls").read_text(encoding="utf-8") == "x\n" * 2


def cache_file(controller: Controller) -> Path:
    """The only one."""
    [path] = (controller.folder / "cache").iterdir()
    return path


def made_older(controller: Controller, host: str, seconds: float) -> None:
    """Let the cached reading of a host be of some time ago, in a file that was written just now."""
    path = cache_file(controller)
    whole = json.loads(path.read_text(encoding="utf-8"))
    entry = json.loads(whole["__payload__"])
    entry[host]["reading"]["read_at"] -= seconds
    path.write_text(json.dumps({**whole, "__payload__": json.dumps(entry)}), encoding="utf-8")


def calls(controller: Controller) -> int:
    """How many hosts were read by ssh so far."""
    return (controller.folder / "calls").read_text(encoding="utf-8").count("x")


CACHED = (
    "plugin: fleetlab.linux.meminfo\ncache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: cache\ncache_timeout: 7200\n"
)


def test_a_reading_is_not_kept_beyond_its_time_because_others_differ(controller: Controller) -> None:
    controller.write("hosts.yml", "all: {hosts: {good: {program: ssh}, newer: {program: ssh}, bad: {program: flaps}}}")
    controller.write("group_vars/all.yml", f"ansible_ssh_executable: '{controller.folder}/{{{{ program }}}}'\nansible_host: 192.0.2.1\n")
    controller.write("host_vars/newer.yml", "ansible_host: 192.0.2.2\n")
    controller.write("flaps", f"#!/bin/sh\necho y >>{controller.folder}/flaps.log\necho $$ >&2\nexit 1\n").chmod(0o755)
    controller.write("fleet.meminfo.yml", CACHED)
    controller.list()
    for _pass in range(3):
        # As if that time had gone by, with a failure that is another one each time.
        made_older(controller, "good", 2400)
        controller.list()
    made_older(controller, "good", 2400)
    before = controller.list()["_meta"]["hostvars"]
    assert calls(controller) == 3, "good was read twice, newer once"
    assert before["good"]["meminfo"]["read_at"] > before["newer"]["meminfo"]["read_at"]
    assert (controller.folder / "flaps.log").read_text(encoding="utf-8").count("y") == 5
    made_older(controller, "good", -7200)
    controller.list()
    assert calls(controller) == 4, "a reading of times to come"


def test_a_cached_reading_is_of_the_host_and_the_options_of_now(controller: Controller) -> None:
    controller.write("hosts.yml", "all: {hosts: {a: {ansible_host: 192.0.2.1}}}")
    controller.write("group_vars/all.yml", f"ansible_ssh_executable: {controller.folder}/ssh\n")
    controller.write("fleet.meminfo.yml", CACHED)
    controller.list()
    controller.list()
    assert calls(controller) == 1
    controller.write("hosts.yml", "all: {hosts: {a: {ansible_host: 192.0.2.2}}}")
    controller.list()
    assert calls(controller) == 2
    controller.write("fleet.meminfo.yml", f"{CACHED}zfs_arc: true\n")
    controller.list()
    assert calls(controller) == 3
    controller.write("hosts.yml", "all: {hosts: {a: {ansible_host: 192.0.2.2, ansible_password: x}}}")
    assert "meminfo" not in controller.list()["_meta"]["hostvars"]["a"]


@pytest.mark.parametrize(("option", "value"), [("fanout", "0"), ("fanout", "-3"), ("timeout", "0"), ("timeout", "-1"), ("timeout", ".nan")])
def test_options_that_can_not_be_right_are_refused(controller: Controller, option: str, value: str) -> None:
    controller.write("hosts.yml", "all: {hosts: {a: {ansible_connection: local}}}")
    controller.write("fleet.meminfo.yml", f"plugin: fleetlab.linux.meminfo\n{option}: {value}\n")
    with controller.start() as process:
        stderr = process.communicate()[1]
    assert process.returncode != 0
    assert f"fleet.meminfo.yml: {option}: {value.lstrip('.')}" in stderr.replace("\n", " ")


def test_more_at_a_time_than_files_may_be_open(controller: Controller) -> None:
    hosts = {f"h{number}": {"ansible_host": f"192.0.2.{number}"} for number in range(100)}
    controller.write("hosts.yml", json.dumps({"all": {"hosts": hosts}}))
    controller.write("group_vars/all.yml", f"ansible_ssh_executable: {controller.folder}/slow\n")
    controller.write("slow", "#!/bin/sh\nsleep 1\necho nothing >&2\nexit 1\n").chmod(0o755)
    controller.write("fleet.meminfo.yml", "plugin: fleetlab.linux.meminfo\nfanout: 10000\ntimeout: 300\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        found = controller.list()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {str(variables["meminfo_error"]) for variables in found["_meta"]["hostvars"].values()} == {"{'__ansible_unsafe': 'nothing'}"}
    assert len(found["memory_unreachable"]["hosts"]) == 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_hangs_ends_with_who_reads(controller: Controller, number: int) -> None:
    controller.write("hosts.yml", "all: {hosts: {a: {}}}")
    controller.write("group_vars/all.yml", f"ansible_ssh_executable: {controller.folder}/hangs\n")
    controller.write("hangs", f"#!/bin/sh\necho $$ >{controller.folder}/pid\nexec sleep 900\n").chmod(0o755)
    controller.write("fleet.meminfo.yml", "plugin: fleetlab.linux.meminfo\ntimeout: 900\n")
    pid = controller.folder / "pid"
    with controller.start() as process:
        wait_for(lambda: pid.exists() and pid.read_text(encoding="utf-8").endswith("\n"))
        process.send_signal(number)
        process.communicate()
    assert process.returncode != 0
    wait_for(lambda: not is_running(int(pid.read_text(encoding="utf-8"))))


def test_hosts_that_are_only_in_groups_are_found(controller: Controller) -> None:
    controller.write(
        "hosts.yml", "lab: {children: {servers: {}}}\nservers: {hosts: {a: {ansible_connection: local}, b: {ansible_connection: local}}}"
    )
    controller.write("fleet.meminfo.yml", "plugin: fleetlab.linux.meminfo\nhosts: all:!b\nmin_available_percent: 0\n")
    assert controller.list()["memory_ok"]["hosts"] == ["a"]


def test_the_example_of_the_documentation_works(controller: Controller) -> None:
    example = next(yaml.safe_load_all(EXAMPLES))
    controller.write("hosts.yml", "all: {hosts: {a: {ansible_connection: local}, b: {ansible_connection: community.docker.docker}}}")
    controller.write("fleet.meminfo.yml", yaml.safe_dump({**example, "cache_connection": str(controller.folder / "cache"), "strict": True}))
    found = controller.list()
    assert (found["meminfo_kernel"]["hosts"], found["meminfo_none"]["hosts"]) == (["a"], ["b"])
    assert found["memory_unreachable"]["hosts"] == ["b"]
    assert len(list((controller.folder / "cache").iterdir())) == 1


def test_the_shape_is_that_of_the_facts(controller: Controller) -> None:
    controller.write("hosts.yml", "all: {hosts: {here: {ansible_connection: local}}}")
    controller.write("fleet.meminfo.yml", "plugin: fleetlab.linux.meminfo\nzfs_arc: true\n")
    meminfo = controller.list()["_meta"]["hostvars"]["here"]["meminfo"]
    assert set(meminfo) == {
        "bytes",
        "counts",
        "problems",
        "available",
        "free",
        "accounting",
        "cgroup",
        "pressure",
        "oom_kills",
        "kernel",
        "machine",
        "read_at",
        "zfs_arc",
    }
    assert parse_output(run_all({"a": ssh_command("here", {"ansible_connection": "local"})}, 1, 300)["a"].stdout.decode()).meminfo
