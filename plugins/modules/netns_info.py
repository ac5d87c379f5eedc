#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report network namespaces with their links, sockets, processes and rules."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netns_info
short_description: Report network namespaces, their links, sockets, processes and rules
version_added: 0.1.0
description:
  - Reads one or all network namespaces with a name. Changes nothing.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options:
  name:
    description: Report only the namespace with this exact name. The list is empty if there is no such namespace.
    type: str
  service:
    description: A service, with or without C(.service), to report in RV(service) how it is related to the namespace O(name).
    type: str
seealso:
  - module: fleetlab.linux.netns
"""

EXAMPLES = r"""
- name: Read how a service is related to its namespace
  fleetlab.linux.netns_info:
    name: nginx
    service: nginx
  register: nginx

- name: Make sure that all its processes are in the namespace
  ansible.builtin.assert:
    that: nginx.service.network == 'in'

- name: Read a namespace
  fleetlab.linux.netns_info:
    name: my-net-daemon
  register: found

- name: Make sure that the daemon listens in the namespace
  ansible.builtin.assert:
    that: 10105 in found.namespaces[0].listening | map(attribute='port')

- name: Show how many bytes the forwards have carried
  ansible.builtin.debug:
    msg: "{{ found.namespaces[0].rules | selectattr('chain', 'equalto', 'forward') | map(attribute='bytes') }}"
"""

RETURN = r"""
service:
  description: The service, as its processes show it.
  returned: success, with O(service)
  type: dict
  contains:
    network:
      description: >-
        V(in) if all its processes are in the namespace, V(out) if all are in the network of the host, V(none) if it has no process, else
        V(other).
      type: str
    dns_current:
      description: Whether its processes see the resolv.conf and nsswitch.conf that they would see after a restart.
      type: bool
    sockets:
      description: The socket units that start it; systemd opens their sockets in the network of the host.
      type: list
      elements: str
    local_peers:
      description: >-
        The services of the host that it is connected to through the loopback interface while it runs in the network of the host, with
        C(protocol), C(address) and C(port). In a namespace it cannot reach them.
      type: list
      elements: dict
      contains:
        protocol:
          description: V(tcp) or V(udp).
          type: str
        address:
          description: The address.
          type: str
        port:
          description: The port.
          type: int
  sample: {network: in, dns_current: true, sockets: [], local_peers: []}
namespaces:
  description: The namespaces, ordered by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    managed:
      description: Whether M(fleetlab.linux.netns) created the namespace.
      type: bool
    persist:
      description: Whether the namespace is built at boot.
      type: bool
    links:
      description:
        - The interfaces inside, with C(name), C(kind), C(up), C(mtu) and C(addresses).
        - C(host_link) and C(host_addresses) describe the other end, if that is on the host.
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
      description: The routes of the main table, with C(to), C(via), C(link), C(metric), C(family) and C(protocol).
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
      description: The forwards, with C(protocol), C(port), C(to_port), C(address) and C(sources).
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
    listening:
      description: The listening sockets inside, with C(protocol), C(address) and C(port).
      type: list
      elements: dict
      contains:
        protocol:
          description: V(tcp) or V(udp).
          type: str
        address:
          description: The address.
          type: str
        port:
          description: The port.
          type: int
    processes:
      description: The processes inside, with C(pid) and C(command).
      type: list
      elements: dict
      contains:
        pid:
          description: The number of the process.
          type: int
        command:
          description: Its command.
          type: str
    rules:
      description:
        - The rules of the namespace, with C(chain) and C(rule), in the syntax of nftables or iptables.
        - C(packets) and C(bytes) are the counts of the rule since it was last replaced, null for a rule without a counter.
      type: list
      elements: dict
      contains:
        chain:
          description: The chain.
          type: str
        rule:
          description: The rule in the syntax of nftables or iptables.
          type: str
        packets:
          description: The packets that it counted, or null.
          type: int
        bytes:
          description: The bytes that it counted, or null.
          type: int
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
      listening: [{protocol: tcp, address: 0.0.0.0, port: 10105}]
      processes: [{pid: 1234, command: 'nginx: master process /usr/sbin/nginx'}]
      rules: [{chain: prerouting, rule: fib daddr type local tcp dport 10105 counter dnat ip to 10.200.1.2, packets: 5, bytes: 300}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail
from ansible_collections.fleetlab.linux.plugins.module_utils._host.entering import Entering
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._host.systemd import service_name
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.names import check_name
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.observe import observe_details, observe_joined, require_capabilities
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.show import detailed, joined


def main() -> None:
    """Read and report."""
    spec = {"name": {"type": "str"}, "service": {"type": "str"}}
    module = AnsibleModule(argument_spec=spec, required_by={"service": ["name"]}, supports_check_mode=True)
    name, host = module.params["name"], Host()
    try:
        only = None if name is None else check_name("name", name)
        require_capabilities(host)
        runner, service = Entering(host_runner()), module.params["service"]
        found = {} if service is None else {"service": joined(observe_joined(runner, host, str(only), service_name("service", service)))}
        module.exit_json(changed=False, namespaces=[detailed(one) for one in observe_details(only, runner, host)], **found)
    except FleetlabError as error:
        fail(module, error)


if __name__ == "__main__":
    main()
