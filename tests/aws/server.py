# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's API server on loopback, with what the tests need of it: a record of all calls, the policy in force, and faults.

The server itself is moto's own. It stands behind a small application that

- notes each call by service and action,
- answers what docs/aws-policy.json does not allow as AWS does, so that whatever passes the tests passes with that policy,
- answers a call with an error where a test asks for it,
- adds the one element to volumes that moto leaves out and AWS does not.
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

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "docs" / "aws-policy.json"
IMAGES = ROOT / "tests" / "fixtures" / "ec2" / "images" / "images.json"

_SCOPE = re.compile(r"Credential=[^/]+/[0-9]+/([a-z0-9-]+)/([a-z0-9-]+)/")
_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>
"""
_QUERY_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>
"""
Start = Callable[..., Any]


def allowed_actions() -> list[str]:
    """The actions that the documented policy allows."""
    statements = json.loads(POLICY.read_text(encoding="utf-8"))["Statement"]
    return [action for statement in statements if statement["Effect"] == "Allow" for action in statement["Action"]]


class Quiet(WSGIRequestHandler):  # type: ignore[misc,unused-ignore]
    """Keeps hundreds of lines about requests out of the report of a test that failed."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class Server:
    """One server; C(url) is its endpoint. Faults are C(action: (code, message))."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.faults: dict[str, tuple[str, str]] = {}
        self._allowed = allowed_actions()
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
        names = parse_qs(body.decode("utf-8", "replace")).get("Action")
        # Without either it is not a call: moto's own pages, by which a test starts anew.
        if scope is None or not names:
            return self._application(environ, start)  # type: ignore[no-any-return]
        service, action = scope.group(2), f"{scope.group(2)}:{names[0]}"
        if action in self.faults:
            return _error(service, start, *self.faults[action])
        # The tests themselves are not held to the policy.
        if "set-up" not in environ.get("HTTP_USER_AGENT", ""):
            if action not in self._allowed:
                self.refused[action] += 1
                user = "arn:aws:iam::123456789012:user/lab"
                text = f"You are not authorized to perform this operation. User: {user} is not authorized to perform: {action}"
                return _error(service, start, "UnauthorizedOperation" if service == "ec2" else "AccessDenied", text)
            self.calls[action] += 1
        if action == "ec2:DescribeVolumes":
            return self._volumes(environ, start)
        return self._application(environ, start)  # type: ignore[no-any-return]

    def _volumes(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """What moto says of volumes, with the empty element that AWS has for one that was not made from a snapshot."""
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
