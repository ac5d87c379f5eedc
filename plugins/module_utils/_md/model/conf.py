# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mdadm.conf: find and edit the ARRAY lines of one array; every other byte stays. Pure.

An entry is a line that begins in the first column, together with the following lines that begin with white space. Comments and empty
lines between these lines do not belong to the entry and stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from .block_device import plain_uuid

_WORD = re.compile(r"""(?:[^\s#"']|"[^"]*"|'[^']*')+""")
_COMMENT = re.compile(r"""((?:[^\s#"']|"[^"]*"|'[^']*'|\s)*)(#.*)?""", re.DOTALL)
# Words that prevent the assembly of an array after a change, because device names change and counts grow.
_STALE_WORDS = ("uuid", "name", "metadata", "level", "num-devices", "devices", "disks", "raid-disks", "super-minor")


@dataclass(frozen=True)
class ConfFile:
    """One configuration file of mdadm; C(exists) is false for a file that would have to be created."""

    path: str
    content: str = ""
    mode: int = 0o644
    exists: bool = True


@dataclass(frozen=True)
class Entry:
    """An ARRAY entry: the device it names, its C(key=value) words, and the numbers of its lines."""

    device: str
    words: Tuple[Tuple[str, str], ...]
    lines: Tuple[int, ...]
    comment: str = ""

    def value(self, key: str) -> Optional[str]:
        """The value of a word, or C(None)."""
        return dict(self.words).get(key)

    @property
    def uuid(self) -> str:
        """The UUID in plain form, or an empty string."""
        return plain_uuid(self.value("uuid") or "")


@dataclass(frozen=True)
class WantedEntry:
    """The wanted ARRAY entry of an array; C(spellings) are the device names that mean the same array."""

    device: str
    spellings: Tuple[str, ...]
    uuid: str
    shown_uuid: str
    label: str
    metadata: str
    spare_group: Optional[str] = None

    def line(self, kept: Sequence[Tuple[str, str]] = (), comment: str = "") -> str:
        """The text of the entry."""
        words = ["ARRAY", self.device, f"metadata={self.metadata}", f"UUID={self.shown_uuid}"]
        if self.label:
            words.append(f"name={self.label}")
        if self.spare_group:
            words.append(f"spare-group={self.spare_group}")
        words += [f"{key}={value}" for key, value in kept if key != "spare-group" or self.spare_group is None]
        return " ".join(words + ([comment] if comment else []))

    def accepts(self, entry: Entry) -> bool:
        """Whether an existing entry means the same array and options, also after the array has changed."""
        fixed = {"metadata": self.metadata, "name": self.label}
        for key, value in entry.words:
            if key in fixed and value == fixed[key]:
                continue
            if key in _STALE_WORDS and key != "uuid":
                return False
        if self.spare_group is not None and (entry.value("spare-group") or "") != self.spare_group:
            return False
        return entry.device in self.spellings and entry.uuid == self.uuid


def entries(content: str) -> List[Entry]:
    """All ARRAY entries of a file, in order."""
    found: List[Entry] = []
    words: List[str] = []
    numbers: List[int] = []
    comment = ""

    def close() -> None:
        # mdadm accepts a keyword in any case, and shortened to three letters or more.
        if words and len(words[0]) >= 3 and "array".startswith(words[0].lower()):
            found.append(_entry(words, numbers, comment))

    for number, line in enumerate(content.splitlines()):
        text, remark = _split_comment(line)
        if not text.strip():
            continue
        if not text[0].isspace():
            close()
            words, numbers, comment = [], [], ""
        words = words + _WORD.findall(text)
        numbers = numbers + [number]
        comment = comment or remark
    close()
    return found


def all_entries(files: Sequence[ConfFile]) -> List[Entry]:
    """All ARRAY entries of all files, in order."""
    return [entry for file in files for entry in entries(file.content)]


def _split_comment(line: str) -> Tuple[str, str]:
    match = _COMMENT.match(line)
    return (match.group(1), match.group(2) or "") if match else (line, "")


def _entry(words: Sequence[str], numbers: Sequence[int], comment: str) -> Entry:
    device, pairs = "", []
    for word in words[1:]:
        bare = word.replace('"', "").replace("'", "")
        key, equals, value = bare.partition("=")
        if equals:
            pairs.append((key.lower(), value))
        elif not device:
            device = bare
    return Entry(device, tuple(pairs), tuple(numbers), comment)


def with_entry(files: Sequence[ConfFile], wanted: WantedEntry) -> Tuple[ConfFile, ...]:
    """The files with exactly one entry for the array: the first correct entry, else the first entry rewritten, else a new entry at the end.

    Removed are other entries for the same UUID, and entries that give the array's device name to another UUID (the caller has made sure
    that no array has that UUID).
    """
    keep = _entry_to_keep(files, wanted)
    result = []
    for position, file in enumerate(files):
        edits: Dict[int, Optional[str]] = {}
        for entry in entries(file.content):
            if not _concerns(entry, wanted.uuid, wanted.spellings):
                continue
            chosen = keep == (position, entry)
            if chosen and wanted.accepts(entry):
                continue
            edits.update(dict.fromkeys(entry.lines))
            if chosen:
                kept = [(key, value) for key, value in entry.words if key not in _STALE_WORDS]
                edits[entry.lines[0]] = wanted.line(kept, entry.comment)
        result.append(_edited(file, edits))
    if keep is None:
        result[0] = _appended(result[0], wanted.line())
    return tuple(result)


def _entry_to_keep(files: Sequence[ConfFile], wanted: WantedEntry) -> Optional[Tuple[int, Entry]]:
    candidates = [
        (position, entry)
        for position, file in enumerate(files)
        for entry in entries(file.content)
        if _concerns(entry, wanted.uuid, wanted.spellings)
    ]
    right = [candidate for candidate in candidates if wanted.accepts(candidate[1])]
    return next(iter(right or candidates), None)


def without_entry(files: Sequence[ConfFile], uuids: Sequence[str], spellings: Sequence[str]) -> Tuple[ConfFile, ...]:
    """The files without any entry for these UUIDs or device names."""
    result = []
    for file in files:
        gone = [entry for entry in entries(file.content) if any(_concerns(entry, uuid, spellings) for uuid in uuids or ("",))]
        result.append(_edited(file, {number: None for entry in gone for number in entry.lines}))
    return tuple(result)


def _concerns(entry: Entry, uuid: str, spellings: Sequence[str]) -> bool:
    return bool(uuid and entry.uuid == uuid) or entry.device in spellings


def uuids_named(files: Sequence[ConfFile], spellings: Sequence[str]) -> List[str]:
    """UUIDs that the files give one of these device names to."""
    return [entry.uuid for entry in all_entries(files) if entry.device in spellings and entry.uuid]


def group_of(files: Sequence[ConfFile], uuid: str) -> Optional[str]:
    """The spare group of the array with this UUID by the files, C(None) if it has none."""
    groups = [entry.value("spare-group") for entry in all_entries(files) if uuid and entry.uuid == uuid]
    return next((group for group in groups if group), None)


def _edited(file: ConfFile, edits: Dict[int, Optional[str]]) -> ConfFile:
    if not edits:
        return file
    kept = []
    for number, line in enumerate(file.content.splitlines(keepends=True)):
        replacement = edits.get(number, line)
        if replacement is None:
            continue
        kept.append(replacement if number not in edits else replacement + "\n")
    return replace(file, content="".join(kept))


def _appended(file: ConfFile, line: str) -> ConfFile:
    glue = "" if not file.content or file.content.endswith("\n") else "\n"
    return replace(file, content=f"{file.content}{glue}{line}\n")
