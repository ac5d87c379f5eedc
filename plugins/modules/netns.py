#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a service a network of its own: a namespace with links, routes, DNS, masquerade and forwards, also after a reboot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netns
short_description: Network namespaces with links, routes, DNS, masquerade and port forwards
version_added: 0.1.0
description:
  - Declares a named network namespace and all that connects it with the host and the world, in one task.
  - Ports that are forwarded are reached from other hosts, and from the host itself by any of its addresses; over IPv4 also by 127.0.0.1.
  - Nothing else passes. From inside, only what O(nat) lets out through the uplink; not the host's own services, unless O(host_access).
  - Every namespace has a table of nftables of its own, which is replaced in one transaction. Rules of others are never touched. Where one
    of their chains drops what is forwarded, two rules for each link, with a comment, are put at its head, and removed with the namespace.
  - What differs is shown in the diff and repaired by the smallest step. Connections that a change does not concern go on.
  - A unit of systemd, made of the same plan, builds the namespace at boot. It needs neither Ansible nor Python.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  name:
    description:
      - Name of the namespace, as C(ip netns) shows it, of up to 113 characters.
      - Required, but for O(namespaces).
    type: str
  state: &state
    description:
      - V(present) makes the namespace, or repairs it.
      - V(absent) removes what was made for it, and the namespace. It is refused while processes live inside, or links that this
        module did not make, and for a namespace that was not made by this module. O(force) removes it all the same.
      - When left out, it is V(present).
    type: str
    choices: [present, absent]
  links: &links
    description:
      - The veth pairs between the host and the namespace. They have exactly these addresses; those of other links are left alone.
      - Left out, there is one link in the first free subnet of 10.200.1.0/24, 10.200.2.0/24 and so on, and it stays in it.
    type: list
    elements: dict
    suboptions:
      name:
        description: The end on the host. For the first link it is V(v-) and the name of the namespace, or a checksum of a long one.
        type: str
      peer:
        description: The end inside. When left out, it is V(v-peer1) for the first link, V(v-peer2) for the second.
        type: str
      addresses:
        description: IPv4 and IPv6 addresses of the end on the host, each with the length of its prefix.
        type: list
        elements: str
      peer_addresses:
        description: Those of the end inside, in the same subnets.
        type: list
        elements: str
      mtu:
        description: MTU of both ends. Left out, a new link has the kernel's 1500, and an existing one may have any.
        type: int
  routes: &routes
    description:
      - The routes inside. Left out, there is one default route for each address family, to the first link's end on the host.
        When given, a default route is one of them or there is none. Routes that others put in are left alone.
    type: list
    elements: dict
    suboptions:
      to:
        description: A network, or V(default).
        type: str
        required: true
      via:
        description: The gateway, in a subnet of the link, or where an earlier route without gateway leads.
        type: str
      link:
        description: The end inside to go out by. Needed where O(routes[].via) does not tell.
        type: str
      metric:
        description: The metric. Routes to the same network with different ones can be there side by side.
        type: int
  dns: &dns
    description:
      - Addresses of name servers, for C(/etc/netns/NAME/resolv.conf). C(ip netns exec) and C(NetworkNamespacePath) units that bind it
        see it as C(/etc/resolv.conf). An address of the host's end may be named when the host answers there.
    type: list
    elements: str
  dns_search: &dns_search
    description: Domains to search in. Needs O(dns).
    type: list
    elements: str
  nat: &nat
    description: What leads out of the namespace and into it. Left out, nothing does but from the host itself.
    type: dict
    suboptions:
      masquerade:
        description:
          - The interface of the host by which connections from inside leave, with the host's address.
          - V(auto) is that of the default route when the task runs, and V(none) lets nothing out.
        type: str
        default: auto
      forwards:
        description: Ports of the host that lead into the namespace.
        type: list
        elements: dict
        suboptions: &forward
          protocol:
            description: V(tcp) or V(udp).
            type: str
            choices: [tcp, udp]
            default: tcp
          port:
            description: A port of the host, or a range such as V(8000-8009).
            type: str
            required: true
          to_port:
            description: The port inside. When left out, it is the same, for a range each its own.
            type: str
  forwards: &forwards
    description: Short for O(nat.forwards) when nothing else of O(nat) is needed.
    type: list
    elements: dict
    suboptions: *forward
  host_access: &host_access
    description:
      - Let connections from inside reach the services of the host. Those that listen on its loopback stay out of reach.
      - When left out, it is V(false).
    type: bool
  services: &services
    description:
      - Services of the host that are about to be restarted inside, with or without C(.service). A port that one of them listens on may be
        forwarded. Until the restart nobody answers on it.
      - Without this, a forward that takes the port of a service of the host is refused. The port by which Ansible comes in is never
        taken.
    type: list
    elements: str
  persist: &persist
    description:
      - Build the namespace at boot. Hosts without systemd get the script that does it, and a warning.
      - When left out, it is V(true).
    type: bool
  firewall: &firewall
    description:
      - V(auto) is nftables where the kernel and the host have it, else iptables.
      - A kernel that has neither, or lacks what is asked for, is refused before anything is made, in check mode too, with what it lacks.
      - With V(iptables) the rules are in chains of the namespace's own, and they and the jumps to them have a comment.
      - When left out, it is V(auto).
    type: str
    choices: [auto, nftables, iptables]
  force: &force
    description:
      - Remove the namespace also while processes live inside, which go on running without any network, and if this module did not make
        it, or all the links in it.
      - When left out, it is V(false).
    type: bool
  namespaces:
    description:
      - Several namespaces, in one call. Excludes all other options.
      - They are planned one after the other, so that each has a subnet and ports of its own, before anything is changed. The host is looked
        at once, and nft and systemd are called once for all, so that one of many takes no longer than one alone.
      - Those that the list does not name are left alone. A step that fails ends the run, and the next run goes on from there.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the namespace, as C(ip netns) shows it, of up to 113 characters.
        type: str
        required: true
      state: *state
      links: *links
      routes: *routes
      dns: *dns
      dns_search: *dns_search
      nat: *nat
      forwards: *forwards
      host_access: *host_access
      services: *services
      persist: *persist
      firewall: *firewall
      force: *force
requirements:
  - iproute2 on the managed host
  - nftables 0.9.1 or later with JSON and Linux 5.2 or later, or iptables
notes:
  - C(net.ipv4.ip_forward) and for IPv6 C(net.ipv6.conf.all.forwarding) are set where O(nat) is given. Former values are kept in the record
    below C(/etc/fleetlab/netns), and come back with the removal of the last namespace unless others forward too. For IPv6 the interfaces
    that default routes leave by, and the uplink, are told to go on listening to router advertisements.
  - What the kernel can filter with is found out without a change on the host. nft checks a whole table in a transaction that the kernel
    throws away. Of iptables, modules that modprobe knows count as there; where it knows none, rules are tried in a network namespace that
    ends with the command.
  - Chains of others that drop only some of what is forwarded are not opened. A warning names them.
  - One run at a time changes the namespaces of a host. Others wait for it, for up to two minutes.
  - A forward that is removed takes no new connections. Those that are established end by themselves.
  - A reload of firewalld and a restart of nftables.service throw away rules of others; C(systemctl reload fleetlab-netns-NAME) or another
    run brings them back. C(systemctl restart) does the same and rebuilds what else is missing. Stopping the unit removes nothing.
seealso:
  - module: fleetlab.linux.netns_info
"""

EXAMPLES = r"""
- name: Give a daemon that listens on TCP port 10105 a network of its own
  fleetlab.linux.netns:
    name: my-net-daemon
    forwards:
      - port: 10105

- name: The same with everything said
  fleetlab.linux.netns:
    name: my-net-daemon
    links:
      - name: v-eth1
        peer: v-peer1
        addresses: [10.200.1.1/24]
        peer_addresses: [10.200.1.2/24]
    routes:
      - to: default
        via: 10.200.1.1
    dns: [192.0.2.53]
    nat:
      masquerade: eth0
      forwards:
        - protocol: tcp
          port: 10105

- name: Start it in there, as a user without rights
  ansible.builtin.command:
    argv: [ip, netns, exec, my-net-daemon, setpriv, --reuid=www-data, --regid=www-data, --init-groups, /usr/sbin/my-net-daemon]

- name: Two links, both address families, jumbo frames, a range of ports
  fleetlab.linux.netns:
    name: media
    links:
      - name: v-media
        peer: eth0
        addresses: [10.201.0.1/30, 'fd00:201::1/64']
        peer_addresses: [10.201.0.2/30, 'fd00:201::2/64']
      - name: v-media-store
        peer: eth1
        addresses: [10.202.0.1/30]
        peer_addresses: [10.202.0.2/30]
        mtu: 9000
    nat:
      forwards:
        - {port: 80, to_port: 8080}
        - {protocol: udp, port: 5000-5019}

- name: Take over the port of a service that will be restarted in there, as the role isolated_service does
  fleetlab.linux.netns:
    name: nginx
    forwards: [{port: 80}]
    services: [nginx]

- name: Remove it
  fleetlab.linux.netns:
    name: media
    state: absent

- name: One for each worker, in one call, and none any more for the one that was taken out of service
  fleetlab.linux.netns:
    namespaces:
      - {name: worker1, forwards: [{port: 9001, to_port: 9000}]}
      - {name: worker2, forwards: [{port: 9002, to_port: 9000}]}
      - {name: worker3, state: absent}
"""

RETURN = r"""
commands:
  description: The steps, done or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [ip, netns, add, web]
    - [ip, link, add, name, v-web, type, veth, peer, name, v-peer1, netns, web]
namespaces:
  description: What RV(namespace) says, of each namespace of O(namespaces) that there is.
  returned: success, with O(namespaces)
  type: list
  elements: dict
namespace:
  description: The namespace as it is after the task, in check mode as it is now, or null.
  returned: success, without O(namespaces)
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    managed:
      description: Whether this module made it.
      type: bool
    persist:
      description: Whether it is built at boot.
      type: bool
    links:
      description:
        - The interfaces inside, with C(name), C(kind), C(up), C(mtu) and C(addresses).
        - C(host_link) and C(host_addresses) are those of the other end, if that is on the host.
      type: list
      elements: dict
    routes:
      description: The routes of the main table, with C(to), C(via), C(link), C(metric), C(family) and C(protocol).
      type: list
      elements: dict
    forwards:
      description: The forwards, with C(protocol), C(port) and C(to_port).
      type: list
      elements: dict
  sample:
    name: web
    managed: true
    persist: true
    links:
      - {name: v-peer1, kind: veth, up: true, mtu: 1500, addresses: [10.200.1.2/24], host_link: v-web, host_addresses: [10.200.1.1/24]}
    routes:
      - {to: default, via: 10.200.1.1, link: v-peer1, metric: null, family: ipv4, protocol: boot}
    forwards:
      - {protocol: tcp, port: '10105', to_port: '10105'}
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.observe import observe, observe_result, require_capabilities
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.options import ENTRIES, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.show import returned

LOCK = Lock("netns", "network namespaces")


def main() -> None:
    """Pass through the rooms."""
    module = AnsibleModule(
        argument_spec=ENTRIES.argument_spec(),
        mutually_exclusive=ENTRIES.mutually_exclusive(),
        required_one_of=[("name", "namespaces")],
        supports_check_mode=True,
    )
    runner, host = host_runner(), Host()
    wing = Wing(
        make_wanted=make_wanted,
        require=partial(require_capabilities, host),
        lock=LOCK,
        observe=partial(observe, runner=runner, host=host),
        plan=plan,
        operations=operations,
        returned=returned,
        observe_again=partial(observe_result, runner=runner, host=host),
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
