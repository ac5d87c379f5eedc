# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's API server on loopback, with what the tests need of it: a record of all calls, the policy in force, and faults.

The server itself is moto's own. It stands behind a small application that

- notes each call by service and action,
- answers what docs/aws-policy.json does not allow as AWS does, so that whatever passes the tests passes with that policy: what it
  allows on things with the lab's tag only is allowed where all things that the call names have it,
- answers a call with an error where a test asks for it,
- adds the one element to volumes that moto leaves out and AWS does not,
- says that there are no placement groups, which moto does not know.
"""

from __future__ import annotations

import io
import json
import os
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Iterable
from urllib.parse import parse_qs

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "docs" / "aws-policy.json"
IMAGES = ROOT / "tests" / "fixtures" / "ec2" / "images" / "images.json"

ACCOUNT = "123456789012"
REGION = "us-east-1"
_RESOURCE = re.compile(r"(i|igw|key|lt|rtb|sg|subnet|vol|vpc)-[0-9a-f]+")
_NO_PLACEMENT_GROUPS = b"""<?xml version="1.0" encoding="UTF-8"?>
<DescribePlacementGroupsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><placementGroupSet/></DescribePlacementGroupsResponse>
"""
_SCOPE = re.compile(r"Credential=[^/]+/[0-9]+/([a-z0-9-]+)/([a-z0-9-]+)/")
_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>
"""
_QUERY_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>
"""
Start = Callable[..., Any]


def statements() -> list[dict[str, Any]]:
    """The statements of the documented policy."""
    found: list[dict[str, Any]] = json.loads(POLICY.read_text(encoding="utf-8"))["Statement"]
    return found


def allowed_actions() -> set[str]:
    """The actions that the documented policy allows."""
    return {action for statement in statements() for action in statement["Action"]}


def _is_met(condition: dict[str, Any], parameters: dict[str, list[str]]) -> bool:
    """Whether a call meets the condition of a statement."""
    for keys in condition.values():
        for key in keys:
            # Tags that come with what is being made are no call of their own.
            if key == "ec2:CreateAction" or not _all_have(key.removeprefix("aws:ResourceTag/"), parameters):
                return False
    return True


def _all_have(tag: str, parameters: dict[str, list[str]]) -> bool:
    """Whether all resources that a call names by id have a tag. moto is asked directly."""
    named = {value for values in parameters.values() for value in values if _RESOURCE.fullmatch(value)}
    tags = get_backend("ec2")[ACCOUNT][REGION].describe_tags(filters={"key": [tag]})
    return named <= {entry["resource_id"] for entry in tags}


class Quiet(WSGIRequestHandler):  # type: ignore[misc,unused-ignore]
    """Keeps hundreds of lines about requests out of the report of a failed test."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


class Server:
    """One server; C(url) is its endpoint. Faults are C(action: (code, message))."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.faults: dict[str, tuple[str, str]] = {}
        self._statements = statements()
        # moto reads it at its first answer.
        os.environ["MOTO_AMIS_PATH"] = str(IMAGES)
        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        parameters = parse_qs(body.decode("utf-8", "replace"))
        names = parameters.get("Action")
        # Without either it is not a call: moto's own pages, by which a test starts anew.
        if scope is None or not names:
            return self._application(environ, start)  # type: ignore[no-any-return]
        service, action = scope.group(2), f"{scope.group(2)}:{names[0]}"
        if action in self.faults:
            return _error(service, start, *self.faults[action])
        # The policy does not apply to the calls of the tests themselves.
        if "set-up" not in environ.get("HTTP_USER_AGENT", ""):
            if not self._allows(action, parameters):
                self.refused[action] += 1
                user = "arn:aws:iam::123456789012:user/lab"
                text = f"You are not authorized to perform this operation. User: {user} is not authorized to perform: {action}"
                return _error(service, start, "UnauthorizedOperation" if service == "ec2" else "AccessDenied", text)
            self.calls[action] += 1
        if action == "ec2:DescribeVolumes":
            return self._volumes(environ, start)
        if action == "ec2:DescribePlacementGroups":
            start("200 OK", [("Content-Type", "text/xml")])
            return [_NO_PLACEMENT_GROUPS]
        return self._application(environ, start)  # type: ignore[no-any-return]

    def _allows(self, action: str, parameters: dict[str, list[str]]) -> bool:
        applying = [statement for statement in self._statements if action in statement["Action"]]
        return any(_is_met(statement.get("Condition", {}), parameters) for statement in applying)

    def _volumes(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """moto's description of volumes, with the empty element by which AWS marks a volume without a snapshot."""
        heard: list[Any] = []

        def listen(status: str, headers: list[tuple[str, str]], *_rest: Any) -> None:
            heard[:] = [status, headers]

        text = b"".join(self._application(environ, listen))
        if b"<snapshotId" not in text:
            text = text.replace(b"<encrypted>", b"<snapshotId/><encrypted>")
        status, headers = heard
        start(status, [(name, str(len(text)) if name.lower() == "content-length" else value) for name, value in headers])
        return [text]


def _error(service: str, start: Start, code: str, message: str) -> Iterable[bytes]:
    text = (_ERROR if service == "ec2" else _QUERY_ERROR).format(code=code, message=message).encode()
    start("403 Forbidden" if "nauthorized" in code or "Denied" in code else "400 Bad Request", [("Content-Type", "text/xml")])
    return [text]
