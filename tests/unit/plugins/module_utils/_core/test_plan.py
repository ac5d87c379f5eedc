# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan is shown without secrets and carried out up to the first failure."""

from __future__ import annotations

import difflib
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, FleetlabError, StepError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import (
    MASK,
    Command,
    MakeDirectory,
    Operation,
    Plan,
    Prints,
    RemoveFile,
    Step,
    WriteFile,
    apply,
    combine,
    mask,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult

SECRET = "top-secret-1234"


class ScriptedRunner:
    """Notes what it is asked to run; commands named in C(failures) fail with that error text."""

    def __init__(self, failures: dict[str, str] | None = None) -> None:
        self.failures = failures or {}
        self.ran: list[tuple[str, ...]] = []
        self.fed: list[str | None] = []

    def run(
        self, argv: Sequence[str], stdin: str | None = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        self.ran.append(tuple(argv))
        self.fed.append(stdin)
        if argv[0] in self.failures:
            text = self.failures[argv[0]]
            raise CommandError(argv, f"exit code 5: {text}", 5, text, "exit code 5")
        return CommandResult(tuple(argv), 0, "", "")


def plan_of(*steps: Step, secrets: tuple[str, ...] = ()) -> Plan:
    return Plan("array data", {}, {}, steps, secrets)


class TestPlan:
    def test_changed_is_having_steps(self) -> None:
        assert not plan_of().changed
        assert plan_of(Command(("true",))).changed

    def test_commands_show_every_kind_of_step(self) -> None:
        plan = plan_of(
            Command(("mdadm", "--stop", "/dev/md1")),
            WriteFile("/etc/mdadm/mdadm.conf", "ARRAY", 0o600),
            RemoveFile("/etc/old"),
            Operation("wait", {"array": "md1", "limit": 5, "unset": None}),
        )
        assert plan.commands() == [
            ["mdadm", "--stop", "/dev/md1"],
            ["write-file", "/etc/mdadm/mdadm.conf", "0600"],
            ["rm", "--force", "/etc/old"],
            ["wait", "array=md1", "limit=5"],
        ]

    def test_commands_and_diff_are_masked_and_can_be_json(self) -> None:
        plan = Plan(
            "target a",
            {"chap": {"users": [{"password": SECRET}]}},
            {"chap": {"users": ({"password": "new-" + SECRET},)}, SECRET: 1},
            (Command(("tool", f"--password={SECRET}")), Operation("login", {"password": SECRET})),
            (SECRET,),
        )
        assert plan.commands() == [["tool", f"--password={MASK}"], ["login", f"password={MASK}"]]
        assert plan.diff() == {
            "before_header": "target a",
            "after_header": "target a",
            "before": {"chap": {"users": [{"password": MASK}]}},
            "after": {"chap": {"users": [{"password": "new-" + MASK}]}, MASK: 1},
        }
        assert SECRET not in json.dumps([plan.commands(), plan.diff()])

    def test_combine_keeps_the_order_and_each_subject(self) -> None:
        first = Plan("md1", {"state": "absent"}, {"state": "present"}, (Command(("a",)),), ("one",), ("careful",))
        second = Plan("md2", {"state": "present"}, {"state": "present"})
        third = Plan("md3", {}, {"state": "present"}, (Command(("b",)), Command(("c",))), ("two",))
        whole = combine("all arrays", [first, second, third])
        assert whole.commands() == [["a"], ["b"], ["c"]]
        assert whole.before == {"md1": {"state": "absent"}, "md2": {"state": "present"}, "md3": {}}
        assert whole.after == {name: {"state": "present"} for name in ("md1", "md2", "md3")}
        assert (whole.secrets, whole.warnings) == (("one", "two"), ("careful",))

    def test_combine_of_nothing_to_do_is_nothing_to_do(self) -> None:
        assert not combine("all", [plan_of(), plan_of()]).changed


class TestApply:
    def test_steps_run_in_order(self, tmp_path: Path) -> None:
        runner, called = ScriptedRunner(), []
        (tmp_path / "old").write_text("x")
        plan = plan_of(
            Command(("first",), stdin="fed"),
            WriteFile(str(tmp_path / "new"), "content"),
            RemoveFile(str(tmp_path / "old")),
            Operation("wait", {"limit": 3}),
            Command(("last",)),
        )
        apply(plan, runner, {"wait": lambda limit: called.append((limit, list(runner.ran)))})
        assert runner.ran == [("first",), ("last",)]
        assert runner.fed == ["fed", None]
        assert called == [(3, [("first",)])]
        assert [path.name for path in tmp_path.iterdir()] == ["new"]

    def test_checks_of_a_step_are_for_scripts(self) -> None:
        """A plan is made for the host as it is; what it says must be done."""
        runner = ScriptedRunner()
        step = Command(("make",), unless=(("made",), Prints(("list",), "made")), only_if=(("can",),))
        apply(Plan("x", {}, {}, (step,)), runner)
        assert runner.ran == [("make",)]
        assert step.rendered() == ["make"]

    def test_first_failure_stops_and_tells_what_was_done(self, tmp_path: Path) -> None:
        runner = ScriptedRunner({"third": "no such device"})
        target = tmp_path / "file"
        plan = plan_of(Command(("first", "a b")), WriteFile(str(target), ""), Command(("third", "-x")), Command(("fourth",)))
        with pytest.raises(StepError) as caught:
            apply(plan, runner)
        error = caught.value
        assert runner.ran == [("first", "a b"), ("third", "-x")]
        assert error.done == ("first 'a b'", f"write-file {target} 0644")
        assert (error.step, error.exit_code, error.stderr) == ("third -x", 5, "no such device")
        assert str(error) == (
            f"array data: step 3 of 4 failed: third -x: exit code 5: no such device. Done before it: first 'a b'; write-file {target} 0644."
        )

    def test_failure_of_the_first_step_says_that_nothing_changed(self) -> None:
        with pytest.raises(StepError, match=r"step 1 of 2 failed: only: exit code 5: broken. Nothing had been changed\.$") as caught:
            apply(plan_of(Command(("only",)), Command(("other",))), ScriptedRunner({"only": "broken"}))
        assert caught.value.done == ()

    @pytest.mark.parametrize("error", [FleetlabError("the target went away"), OSError(5, "Input/output error")])
    def test_failing_operation_is_reported_like_a_command(self, error: Exception) -> None:
        def operation(**arguments: Any) -> None:
            raise error

        wanted = rf"step 2 of 2 failed: save path=/etc/x: {re.escape(str(error))}\. Done before it: a\."
        with pytest.raises(StepError, match=wanted) as caught:
            apply(plan_of(Command(("a",)), Operation("save", {"path": "/etc/x"})), ScriptedRunner(), {"save": operation})
        assert caught.value.exit_code == -1

    def test_failing_file_step_is_reported_like_a_command(self, tmp_path: Path) -> None:
        missing = tmp_path / "missing" / "file"
        with pytest.raises(StepError, match="No such file or directory"):
            apply(plan_of(WriteFile(str(missing), "x")), ScriptedRunner())
        with pytest.raises(StepError, match=r"(Is a directory|not permitted)"):
            apply(plan_of(RemoveFile(str(tmp_path))), ScriptedRunner())

    def test_removing_a_file_that_is_gone_is_no_failure(self, tmp_path: Path) -> None:
        apply(plan_of(RemoveFile(str(tmp_path / "gone"))), ScriptedRunner())


class TestSecretsInFailures:
    def test_no_part_of_the_error_holds_a_secret(self) -> None:
        runner = ScriptedRunner({"login": f"user:{SECRET} was denied"})
        plan = plan_of(Command(("first", SECRET)), Command(("login", SECRET)), secrets=(SECRET,))
        with pytest.raises(StepError) as caught:
            apply(plan, runner)
        error = caught.value
        assert SECRET not in json.dumps([str(error), error.step, error.stderr, error.done, error.args])
        assert error.stderr == f"user:{MASK} was denied"
        # What was run had the real one.
        assert runner.ran == [("first", SECRET), ("login", SECRET)]

    def test_output_of_a_secret_step_is_hidden_whole(self) -> None:
        # The command may say half of a secret, or one that the plan does not know of.
        runner = ScriptedRunner({"login": "denied: other-secret"})
        with pytest.raises(StepError, match=r"login: exit code 5 \(output hidden") as caught:
            apply(plan_of(Command(("login",), stdin=SECRET, secret=True)), runner)
        assert "other-secret" not in json.dumps([str(caught.value), caught.value.stderr, caught.value.args])

    def test_what_the_command_did_not_say_is_shown_of_a_secret_step_too(self) -> None:
        class SlowRunner(ScriptedRunner):
            def run(self, argv: Sequence[str], *arguments: Any, **options: Any) -> CommandResult:
                problem = "took longer than 60 s and was ended"
                raise CommandError(argv, problem, brief=problem)

        with pytest.raises(StepError, match="took longer than 60 s"):
            apply(plan_of(Command(("login",), secret=True)), SlowRunner())

    def test_the_original_error_is_not_chained(self) -> None:
        # A traceback prints causes: the command's own error may hold its argv with the secret.
        with pytest.raises(StepError) as caught:
            apply(plan_of(Command(("login", SECRET)), secrets=(SECRET,)), ScriptedRunner({"login": "denied"}))
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


class TestMask:
    def test_longer_secret_first_when_one_begins_the_other(self) -> None:
        assert mask("a-secret-longer and a-secret", ["a-secret", "a-secret-longer"]) == f"{MASK} and {MASK}"

    def test_nested_structures_and_other_types(self) -> None:
        value = {"a": [SECRET, {"b": (SECRET, 1, None)}], SECRET: True, "n": 2.5}
        assert mask(value, [SECRET]) == {"a": [MASK, {"b": [MASK, 1, None]}], MASK: True, "n": 2.5}

    def test_empty_secrets_mask_nothing(self) -> None:
        assert mask({"a": ["text"]}, ["", ""]) == {"a": ["text"]}

    def test_the_value_itself_is_left_alone(self) -> None:
        value = {"a": [SECRET]}
        mask(value, [SECRET])
        assert value == {"a": [SECRET]}


# Neither letters that JSON escapes, nor the mask's own.
secret_texts = st.text(alphabet="abXY01!-_.=", min_size=1, max_size=6)
surroundings = st.text(alphabet="abXY01 '\"\\{}é\n", max_size=12)


@st.composite
def values_with_secrets(draw: st.DrawFn) -> tuple[Any, list[str]]:
    """Some secrets, and a nested value with them in it, in keys too, beside and inside other text."""
    secrets = draw(st.lists(secret_texts, min_size=1, max_size=4))
    texts = st.builds(lambda a, s, b: f"{a}{s}{b}", surroundings, st.sampled_from([*secrets, ""]), surroundings)
    leaves = texts | st.integers() | st.booleans() | st.none()
    value = draw(st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=12))
    return value, secrets


def texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in texts_in(part)]
    return [text for item in value for text in texts_in(item)] if isinstance(value, list) else []


@given(values_with_secrets())
def test_no_secret_is_left_in_a_masked_value(given_values: tuple[Any, list[str]]) -> None:
    value, secrets = given_values
    left = [(secret, text) for text in texts_in(mask(value, secrets)) for secret in secrets if secret in text]
    assert left == []


def test_a_directory_is_made_with_those_above_it_and_an_existing_one_stays(tmp_path: Path) -> None:
    step = MakeDirectory(str(tmp_path / "a" / "b"), 0o700)
    plan = Plan("folder", {}, {}, (step,))
    assert plan.commands() == [["mkdir", "--parents", "--mode=0700", step.path]]
    before = os.umask(0o077)
    apply(plan, ScriptedRunner())
    assert os.umask(before) == 0o077
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    (tmp_path / "a" / "b").chmod(0o750)
    apply(plan, ScriptedRunner())
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o750
    assert MakeDirectory("/srv").rendered() == ["mkdir", "--parents", "/srv"]


@pytest.mark.parametrize(("value", "shown"), [(["a", "b"], "a b"), (("a",), "a"), ([[1, 2]], "[[1, 2]]"), ("a b", "a b"), (3, "3")])
def test_words_of_a_list_are_shown_with_blanks_between(value: object, shown: str) -> None:
    assert Operation("erase", {"devices": value, "none": None}).rendered() == ["erase", f"devices={shown}"]


def test_a_changed_line_of_a_file_is_one_line_of_the_diff() -> None:
    text = "".join(f"line {number}\n" for number in range(100))
    plan = Plan("web", {"files": [{"text": text}]}, {"files": [{"text": text.replace("line 50", "line fifty")}], "mode": "0644"}, ())
    shown = plan.diff()
    before, after = (json.dumps(shown[key], indent=4, sort_keys=True).splitlines() for key in ("before", "after"))
    changed = [line for line in difflib.unified_diff(before, after, n=0) if line.startswith(("+ ", "- "))]
    assert [line.strip('+-, "') for line in changed if "line" in line] == ["line 50", "line fifty"]
