# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of fleet_memory, opened in headless Chromium with 4 to 5,000 hosts: C(make bench-memory-page).

The hosts are the recorded kernels and the cases of public reports in turn, each a little different, with 25 earlier runs. Judged are the
size of the file, the time from the start of the navigation to the first picture with the first hosts in it, and what a reader does: search,
sort, show low hosts, look at a phone. Pictures of all sizes are kept.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import Limits, make_fleet
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.history import Run
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.page import render_page
from ansible_collections.fleetlab.linux.tests.bench.chromium import Browser, chromium
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import CASES, KERNELS, facts

ROOT = Path(__file__).resolve().parents[2]
SIZES = (4, 60, 649, 5000)
LARGEST, SLOWEST = 5_000_000, 2.0
_RUNS = 25
_READ_AT = 1_796_000_000.0

# The first picture, or the end of the page's own script if that is later.
_OPENED = """
new Promise(found => {
  const look = () => {
    const paint = performance.getEntriesByType("paint").find(entry => entry.name === "first-contentful-paint");
    const page = performance.getEntriesByType("navigation")[0];
    if (paint && page && page.loadEventEnd > 0 && document.querySelector("#hosts tbody tr"))
      found(Math.max(paint.startTime, page.loadEventEnd) / 1000);
    else setTimeout(look, 10);
  };
  look();
})
"""
_WRAPPED = """
[...document.querySelectorAll("#hosts tbody td")].slice(0, 400)
  .filter(cell => /^[-0-9.,]+( %| [KMGTP]iB)?$/.test(cell.textContent.trim()) && cell.getClientRects().length > 0)
  .filter(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].map(one => Math.round(one.top))).size > 1;
  }).map(cell => cell.textContent)
"""
_SORT = """
document.querySelector("#hosts thead button[data-key=host]").click(),
[...document.querySelectorAll("#hosts tbody td.host")].map(cell => cell.textContent)
"""
_FOLLOW = """
new Promise(found => {{
  location.hash = "#host={host}";
  setTimeout(() => found((document.querySelector("tr.open + tr.more") || {{}}).textContent || "nothing"), 500);
}})
"""
_DRAWN = 100
"""Rows that the page draws at once; further ones when the reader comes to them."""
_TYPE = """
new Promise(found => {{
  const field = document.querySelector("#search");
  field.value = {text};
  field.dispatchEvent(new Event("input", {{bubbles: true}}));
  setTimeout(() => found(document.querySelector("#shown").textContent), 500);
}})
"""


def fleet_of(count: int) -> dict[str, Any]:
    """So many hosts."""
    cases = sorted(path.name for path in CASES.iterdir() if path.is_dir())
    known = [{**facts(name), "read_at": _READ_AT} for name in (*KERNELS, *cases)]
    hosts: dict[str, Any] = {}
    for number in range(count):
        meminfo = copy.copy(known[number % len(known)])
        percent = 1 + number * 7919 % 9900 / 100
        meminfo["available"] = {**meminfo["available"], "percent": percent, "bytes": int(meminfo["available"]["total"] * percent / 100)}
        hosts[f"host{number:04}.example.net"] = {"meminfo": meminfo, "group_names": ["all", f"rack{number % 40}"]}
    found = make_fleet(hosts, limits=Limits(low_below=10))
    rows = found["hosts"]
    found["history"] = [
        Run(_READ_AT - 3600 * (_RUNS - run), {row["host"]: round(row["available_percent"] * (0.8 + run / 125), 1) for row in rows})
        for run in range(_RUNS)
    ]
    return found


def measure(browser: Browser, page: Path, pictures: Path, runs: int) -> float:
    """The median of the seconds until the page is open; and a picture of it."""
    seconds = []
    for _run in range(runs):
        browser.open(page, 1280, 900)
        seconds.append(float(browser.evaluate(_OPENED)))
    (pictures / f"{page.stem}.png").write_bytes(browser.picture())
    return statistics.median(seconds)


def use(browser: Browser, page: Path, pictures: Path, hosts: int) -> list[str]:
    """What is wrong when somebody works with the page."""
    wrong = [f"a number wraps: {text}" for text in browser.evaluate(_WRAPPED)]
    name = f"host{hosts - 1:04}"
    shown = browser.evaluate(_TYPE.format(text=f'"{name}"'))
    first = browser.evaluate('document.querySelector("#hosts tbody tr").textContent')
    if name not in first or not shown.startswith("1 "):
        wrong.append(f"the search for {name} shows {shown!r}, first {first[:60]!r}")
    browser.evaluate(_TYPE.format(text='""'))
    order = [browser.evaluate(_SORT) for _click in range(2)]
    if order[0] == order[1] or (hosts < _DRAWN and order[0] != order[1][::-1]):
        wrong.append("a click on a heading does not sort")
    wrong += _follow(browser, name)
    for width, dark in ((390, True), (390, False)):
        browser.open(page, width, 844, dark=dark)
        browser.evaluate(_OPENED)
        over = browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        wrong += [f"on a phone the page is {over} pixels too wide"] if over > 0 else []
        (pictures / f"{page.stem}-phone-{'dark' if dark else 'light'}.png").write_bytes(browser.picture())
    return wrong


def _follow(browser: Browser, name: str) -> list[str]:
    """Choose a group, and follow the link to a host."""
    browser.evaluate('$("group").selectedIndex = 2, $("group").dispatchEvent(new Event("input"))')
    shown, group = (browser.evaluate(text) for text in ('$("shown").textContent', '$("group").selectedOptions[0].text'))
    wrong = [] if group.startswith("rack") and not shown.startswith("0 ") else [f"the group {group} shows {shown!r}"]
    found = browser.evaluate(_FOLLOW.format(host=f"{name}.example.net"))
    return wrong if "kernel" in found else [*wrong, f"the link to {name} shows {found[:60]!r}"]


def main(arguments: Sequence[str]) -> int:
    """Make, open and judge the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", default=",".join(map(str, SIZES)), help="numbers of hosts (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="of opening each page (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "memory-page", help="folder of pages and pictures")
    chosen = parser.parse_args(arguments)
    chosen.output.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    with chromium() as browser:
        for hosts in map(int, chosen.hosts.split(",")):
            page = chosen.output / f"memory-{hosts}.html"
            page.write_text(render_page(fleet_of(hosts)), encoding="utf-8")
            seconds, size = measure(browser, page, chosen.output, chosen.runs), page.stat().st_size
            print(f"{hosts:5} hosts: {size / 1e6:5.2f} MB, goal {LARGEST / 1e6:g}; open in {seconds:5.2f} s, goal {SLOWEST:g}", flush=True)
            wrong += [f"{hosts} hosts: too large"] if size >= LARGEST else []
            wrong += [f"{hosts} hosts: too slow"] if seconds >= SLOWEST else []
            wrong += [f"{hosts} hosts: {text}" for text in use(browser, page, chosen.output, hosts)]
    print("\n".join(wrong) if wrong else "all goals reached; search, sorting, numbers and phones are right")
    print(f"pages and pictures: {chosen.output}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
