#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a service its own network: a namespace with links, routes, DNS, masquerade and forwards, also after a reboot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netns
short_description: Network namespaces with links, routes, DNS, masquerade and port forwards
version_added: 0.1.0
description:
  - Declares a named network namespace with its links, routes, DNS and firewall rules, in one task.
  - Forwarded ports can be reached from other hosts, and from the host itself by any of its addresses; over IPv4 also by 127.0.0.1.
  - All other connections are dropped. From inside, only connections through the uplink are possible, if O(nat) allows them, but no
    connections to the host's own services, unless O(host_access) is set.
  - Every namespace has its own nftables table, which is replaced in one transaction. Rules of other programs are not changed. Where a chain
    of another program drops all forwarded packets that no rule has matched, two rules for each link, with a comment, are inserted directly
    before that drop, or at the end if the policy of the chain drops. Bans and other rules before that place keep their effect.
  - Nothing opens while somebody flushes or reloads the firewall of the host. A filter in the namespace decides what may enter and leave,
    and the namespace sends all packets to an Ethernet address that the host takes only by a rule of the namespace's table.
  - Differences are shown in the diff and repaired by the smallest step. Connections that a change does not concern are not interrupted.
  - A systemd unit, rendered from the same plan, builds the namespace at boot. It needs neither Ansible nor Python.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  name:
    description:
      - Name of the namespace, as C(ip netns) shows it, of up to 113 characters.
      - Required without O(namespaces).
    type: str
  state: &state
    description:
      - V(present) creates or repairs the namespace.
      - V(absent) removes the namespace with its links, rules and files. The removal is refused while processes or foreign links are inside,
        and for a namespace that this module did not create. O(force) removes the namespace nevertheless.
      - If omitted, it is V(present).
    type: str
    choices: [present, absent]
  links: &links
    description:
      - The veth pairs between the host and the namespace, with exactly these addresses. Other links keep their addresses.
      - If omitted, one link is created in the first free subnet of 10.200.1.0/24, 10.200.2.0/24 and so on, and keeps this subnet.
    type: list
    elements: dict
    suboptions:
      name:
        description: >-
          Name of the end on the host. For the first link the default is V(v-) and the name of the namespace, or a checksum of a long name.
        type: str
      peer:
        description: Name of the end inside. If omitted, it is V(v-peer1) for the first link, V(v-peer2) for the second.
        type: str
      addresses:
        description: IPv4 and IPv6 addresses of the end on the host, each with the length of its prefix.
        type: list
        elements: str
      peer_addresses:
        description: Addresses of the end inside, in the same subnets.
        type: list
        elements: str
      mtu:
        description: MTU of both ends. If omitted, a new link has the kernel's 1500, and an existing link may have any MTU.
        type: int
  routes: &routes
    description:
      - The routes inside. If omitted, there is one default route for each address family, to the first link's end on the host.
        If given, the list has to contain the default route, or there is none. Routes of other programs stay.
    type: list
    elements: dict
    suboptions:
      to:
        description: A network, or V(default).
        type: str
        required: true
      via:
        description: The gateway, in a subnet of the link, or in the network of an earlier route without a gateway.
        type: str
      link:
        description: The end inside through which the route leads. Needed if O(routes[].via) does not determine it.
        type: str
      metric:
        description: The metric. Several routes to the same network can exist with different metrics.
        type: int
  dns: &dns
    description:
      - Addresses of name servers, for C(/etc/netns/NAME/resolv.conf). C(/etc/netns/NAME/nsswitch.conf) is that of the host without the
        sources of host names that ask programs of the host, such as C(resolve). Commands of C(ip netns exec), and units with
        C(NetworkNamespacePath) that bind these files, see them in C(/etc). An address of the host's end is possible if the host
        answers DNS queries there.
    type: list
    elements: str
  dns_search: &dns_search
    description: Domains to search in. Needs O(dns).
    type: list
    elements: str
  nat: &nat
    description: The connections out of the namespace and into it. If omitted, only the host itself can reach the namespace.
    type: dict
    suboptions:
      masquerade:
        description:
          - The interfaces of the host through which connections from inside leave, with the host's address. The host's routes, rules of
            routing and marks choose among them; a packet that they send to another interface is dropped.
          - V(auto) is the interface of the default route when the task runs, or the interfaces of its next hops. On a host without a
            default route it is V(none), with a warning. V(none) allows no connections to the outside.
        type: list
        elements: str
        default: [auto]
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
            description:
              - The port inside. If omitted, it is the same as the port of the host; the ports of a range are each kept.
              - A range of as many ports as O(nat.forwards[].port), up to 1000, takes the connections to the first port at its first port,
                and so on.
            type: str
          address:
            description:
              - The only address of the host by which the port is reached. The ports of its other addresses stay those of the host, and can
                be forwarded otherwise. V(127.0.0.1) serves the host alone.
              - An address that the host does not have yet gives a warning, because it may move between hosts.
            type: str
          sources:
            description:
              - Networks from which the port is reached, such as V(192.0.2.0/24) or V(192.0.2.7/32). For connections from elsewhere it is a
                port of the host. If omitted, all networks.
              - Also the host itself and other namespaces reach the port only with an address in these networks.
            type: list
            elements: str
  forwards: &forwards
    description: Short for O(nat.forwards) without other options of O(nat).
    type: list
    elements: dict
    suboptions: *forward
  host_access: &host_access
    description:
      - Let connections from inside reach the services of the host. Services that listen only on its loopback interface stay unreachable.
      - If omitted, it is V(false).
    type: bool
  host_ports: &host_ports
    description:
      - Single ports of the host's services that connections from inside may reach, by any address of the host except its loopback.
    type: list
    elements: dict
    suboptions:
      protocol:
        description: V(tcp) or V(udp).
        type: str
        choices: [tcp, udp]
        default: tcp
      port:
        description: A port of the host, or a range such as V(8000-8009).
        type: str
        required: true
  peers: &peers
    description:
      - Names of other namespaces, made before by this module. Connections from inside reach their forwarded ports by the addresses of the
        host. A namespace always reaches its own forwarded ports in this way.
    type: list
    elements: str
  services: &services
    description:
      - Services of the host that will be restarted inside, with or without C(.service). A port on which such a service listens may be
        forwarded. Until the restart no service answers on this port.
      - A forward of a port on which any other service of the host listens is refused. The port of Ansible's own connection is always
        refused.
    type: list
    elements: str
  persist: &persist
    description:
      - Build the namespace at boot. A host without systemd gets the script that builds the namespace, and the task warns.
      - If omitted, it is V(true).
    type: bool
  firewall: &firewall
    description:
      - V(auto) is nftables if the kernel and the host have it, else iptables.
      - A kernel without either, or without a feature that the rules need, is refused before any change, in check mode too. The message
        names the missing features.
      - With V(iptables) the rules are in separate chains for the namespace; the rules and the jumps to the chains have a comment.
      - If omitted, it is V(auto).
    type: str
    choices: [auto, nftables, iptables]
  force: &force
    description:
      - Remove the namespace also while processes are inside, which then run on without a network, and also if this module did not create
        the namespace or a link in it.
      - If omitted, it is V(false).
    type: bool
  namespaces:
    description:
      - Several namespaces, in one task. Excludes all other options.
      - All namespaces are planned, one after the other, before anything is changed, so that each gets its own subnet and ports. The host is
        read once, and nft and systemd are run once for all namespaces, so that the time for each namespace does not grow with their number.
      - Namespaces that the list does not name stay as they are. A step that fails ends the run, and the next run continues from there.
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
      host_ports: *host_ports
      peers: *peers
      services: *services
      persist: *persist
      firewall: *firewall
      force: *force
requirements:
  - iproute2 on the managed host
  - nftables 0.9.1 or later with JSON and Linux 5.2 or later, or iptables
notes:
  - C(net.ipv4.ip_forward) and for IPv6 C(net.ipv6.conf.all.forwarding) are set if O(nat) is given. Former values are kept in the record
    below C(/etc/fleetlab/netns), and are restored with the removal of the last namespace unless other programs forward too. For IPv6 the
    uplink and the interfaces of default routes are set to accept router advertisements further on.
  - A host that forwards packets for a namespace also forwards them between its own networks, unless its firewall drops them. A warning
    says so when the host begins to forward and has several networks.
  - The firewall features of the kernel are found without a change on the host. nft checks a whole table in a transaction that the kernel
    discards. For iptables, a module that modprobe knows counts as available; if modprobe knows none, rules are tried in a network namespace
    that ends with the command.
  - A chain of another program that drops only some forwarded packets is not changed. A warning names this chain.
  - Two runs on one host wait for each other, up to two minutes.
  - A forward that is removed takes no new connections of TCP. Established connections go on until they end.
  - UDP has no connections, so each change holds from the next packet on, also for a client that keeps its port. The flows that the kernel
    tracks are forgotten if their first packet would go another way now. Those that the change does not concern go on. A flow that began
    while somebody had flushed the rules is found by the next run. This needs the kernel's nf_conntrack_netlink; without it a warning says
    so for forwards of UDP.
  - The unit of a namespace is restarted and reloaded together with nftables, firewalld, ufw, iptables and netfilter-persistent, whose
    services discard rules of other programs. After C(nft flush ruleset) or C(firewall-cmd --reload) by hand, no packet passes until
    C(systemctl reload fleetlab-netns-NAME) or another run restores the rules. C(systemctl restart) also rebuilds missing links and routes.
    Stopping the unit removes nothing.
  - With iptables and a masquerade, the namespace's own filter knows the addresses of the host and the subnets of namespaces when the task
    runs, and 10.200.0.0/16, from which default subnets are taken. An address or another subnet that the host gets later is closed only by
    the rules of the host until the next run. For the same reason hosts beyond the uplink with addresses of 10.200.0.0/16 are reached only
    if a route of the host by the uplink names their network, such as C(10.200.7.0/24 via 192.0.2.254). nftables has no such limits
    for IPv4; while its rules are flushed, UDP to an IPv6 address that the host got later passes. Local addresses of IPv6 (fc00::/7) are
    beyond a masquerade only where the host has a route to them by the uplink.
seealso:
  - module: fleetlab.linux.netns_info
"""

EXAMPLES = r"""
- name: Give a daemon that listens on TCP port 10105 its own network
  fleetlab.linux.netns:
    name: my-net-daemon
    forwards:
      - port: 10105

- name: The same namespace with all options
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

- name: Start the daemon in the namespace, as an unprivileged user
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

- name: Forwards of one address, from one network, and of a range to another range, on a host with two uplinks
  fleetlab.linux.netns:
    name: sip
    nat:
      masquerade: [eth0, wg0]
      forwards:
        - {port: 443, to_port: 8443, address: 192.0.2.10}
        - {port: 5432, sources: [198.51.100.0/24, '2001:db8:7::/48']}
        - {protocol: udp, port: 20000-20009, to_port: 30000-30009}

- name: Forward the port of a service that will be restarted in the namespace, as the role isolated_service does
  fleetlab.linux.netns:
    name: nginx
    forwards: [{port: 80}]
    services: [nginx]

- name: Remove a namespace
  fleetlab.linux.netns:
    name: media
    state: absent

- name: Namespaces for two workers, and removal of the namespace of a third, in one task
  fleetlab.linux.netns:
    namespaces:
      - {name: worker1, forwards: [{port: 9001, to_port: 9000}]}
      - {name: worker2, forwards: [{port: 9002, to_port: 9000}]}
      - {name: worker3, state: absent}
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [ip, netns, add, web]
    - [ip, link, add, name, v-web, type, veth, peer, name, v-peer1, netns, web]
namespaces:
  description: RV(namespace) for each existing namespace of O(namespaces).
  returned: success, with O(namespaces)
  type: list
  elements: dict
  contains: &namespace
    name:
      description: Its name.
      type: str
    managed:
      description: Whether this module created the namespace.
      type: bool
    persist:
      description: Whether the namespace is built at boot.
      type: bool
    links:
      description: The interfaces inside.
      type: list
      elements: dict
      contains:
        name:
          description: The name inside.
          type: str
        kind:
          description: The kind, such as V(veth).
          type: str
        up:
          description: Whether it is up.
          type: bool
        mtu:
          description: Its MTU.
          type: int
        addresses:
          description: Its addresses, with the length of the prefix.
          type: list
          elements: str
        host_link:
          description: The other end on the host, or null.
          type: str
        host_addresses:
          description: The addresses of the other end.
          type: list
          elements: str
    routes:
      description: The routes of the main table.
      type: list
      elements: dict
      contains:
        to:
          description: The destination, V(default) for all.
          type: str
        via:
          description: The gateway, or null.
          type: str
        link:
          description: The interface.
          type: str
        metric:
          description: The metric, null for the kernel's own.
          type: int
        family:
          description: V(ipv4) or V(ipv6).
          type: str
        protocol:
          description: Who made the route, as C(ip route) names it.
          type: str
    forwards:
      description: The forwards.
      type: list
      elements: dict
      contains:
        protocol:
          description: V(tcp) or V(udp).
          type: str
        port:
          description: The port or range of ports of the host.
          type: str
        to_port:
          description: The port or range inside.
          type: str
        address:
          description: The address of the host, null for all.
          type: str
        sources:
          description: The networks that may connect, empty for all.
          type: list
          elements: str
  sample:
    - name: web
      managed: true
      persist: true
      links:
        - {name: v-peer1, kind: veth, up: true, mtu: 1500, addresses: [10.200.1.2/24], host_link: v-web, host_addresses: [10.200.1.1/24]}
      routes:
        - {to: default, via: 10.200.1.1, link: v-peer1, metric: null, family: ipv4, protocol: boot}
      forwards:
        - {protocol: tcp, port: '10105', to_port: '10105'}
namespace:
  description: The namespace after the task, in check mode before it, or null.
  returned: success, without O(namespaces)
  type: dict
  contains: *namespace
  sample:
    name: web
    managed: true
    persist: true
    links:
      - {name: v-peer1, kind: veth, up: true, mtu: 1500, addresses: [10.200.1.2/24], host_link: v-web, host_addresses: [10.200.1.1/24]}
    routes:
      - {to: default, via: 10.200.1.1, link: v-peer1, metric: null, family: ipv4, protocol: boot}
    forwards:
      - {protocol: tcp, port: '10105', to_port: '10105', address: null, sources: []}
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.entering import Entering
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.observe import observe, observe_result, require_capabilities
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.options import ENTRIES, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.show import returned

LOCK = Lock("netns", "network namespaces")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=ENTRIES.argument_spec(),
        mutually_exclusive=ENTRIES.mutually_exclusive(),
        required_one_of=[("name", "namespaces")],
        supports_check_mode=True,
    )
    runner, host = Entering(host_runner()), Host()
    wing = Wing(
        make_wanted=make_wanted,
        require=partial(require_capabilities, host),
        lock=LOCK,
        observe=partial(observe, runner=runner, host=host),
        plan=plan,
        operations=partial(operations, runner=runner),
        returned=returned,
        observe_again=partial(observe_result, runner=runner, host=host),
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
