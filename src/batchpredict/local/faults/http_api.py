"""Planning faults from another process or language: JSON on the plain port of this machine."""

import json
import re
from typing import Any

from batchpredict.errors import UsageError
from batchpredict.local.faults.plans import Plan
from batchpredict.local.faults.registry import Faults
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response

PATH = "/batchpredict/v1/faults"
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d+)?")
_ONE = re.compile(rf"{PATH}/(\d{{1,18}})(:release)?")


class FaultApi:
    """``POST``, ``GET`` and ``DELETE`` of plans; nothing can be planned for these calls."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    @staticmethod
    def serves(request: HttpRequest) -> bool:
        """Whether this is a call of this API: never through the proxy, nor over TLS."""
        is_ours = request.path == PATH or request.path.startswith(f"{PATH}/")
        return is_ours and bool(LOOPBACK.fullmatch(request.base_url))

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        try:
            return json_response(self._answer(request))
        except UsageError as error:
            status = 404 if error.code == "E383" else 400
            return json_response({"error": {"code": status, "message": str(error)}}, status)

    def _answer(self, request: HttpRequest) -> dict[str, Any]:
        if request.path == PATH:
            return self._answer_all(request)
        match = _ONE.fullmatch(request.path)
        if match is None:
            raise UsageError("E383", f"there is no {request.path}; plans are {PATH}/NUMBER")
        plan = self._faults.find(int(match[1]))
        return self._answer_one(request.method, plan, bool(match[2]))

    def _answer_all(self, request: HttpRequest) -> dict[str, Any]:
        if request.method == "POST":
            return self._plan(request.body).account()
        if request.method == "DELETE":
            return {"faults": [plan.account() for plan in self._faults.clear()]}
        if request.method == "GET":
            return {"faults": [plan.account() for plan in self._faults.plans()]}
        raise _not_taken(request.method)

    @staticmethod
    def _answer_one(verb: str, plan: Plan, release: bool) -> dict[str, Any]:
        if (verb, release) not in (("GET", False), ("DELETE", False), ("POST", True)):
            raise _not_taken(verb)
        if verb == "DELETE":
            plan.withdraw()
        elif verb == "POST":
            plan.release()
        return plan.account()

    def _plan(self, body: bytes) -> Plan:
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UsageError("E382", f"a fault is planned by a JSON object: {error}") from error
        if not isinstance(content, dict) or not {"method", "fault"} <= set(content):
            raise UsageError("E382", "a fault is planned by a JSON object with method and fault")
        return self._faults.plan(**content)


def _not_taken(verb: str) -> UsageError:
    return UsageError("E382", f"{verb} is not taken here; see docs/reference/faults.md")
