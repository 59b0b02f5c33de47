"""DELETE, COPY, MOVE and MKCOL: what they answer. What they do is the share's
(`despoolr_server.shares.paths.trees`).

The law: a directory goes, comes and moves with all that is in it, and what could not be done is
told by name in a multi-status. With `Depth: 0` DELETE and MOVE mean the one name alone, as a
Windows redirector does: a directory with anything in it is not deleted, one in the way is not
replaced.
"""

from __future__ import annotations

from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.http.base.surface import Surface, query, switch
from despoolr_server.http.dav.answers import failed_response, lock_error, multistatus, refuse
from despoolr_server.http.dav.request import Asking, depth, no_body
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Handler, Request, StreamResponse
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.shares.paths.trees import Failures


class CollectionRoutes:
    """The methods on whole trees. Handlers raise `Refused`, which is answered as a problem."""

    def __init__(self, surface: Surface, asking: Asking) -> None:
        self._host = surface.host
        self._asking = asking
        self.methods: dict[str, Handler] = {
            "DELETE": self.delete,
            "MOVE": self.move,
            "COPY": self.copy,
            "MKCOL": self.make_directory,
        }
        self.allow = ""

    async def delete(self, request: Request) -> StreamResponse:
        """Delete a file, or a directory with all that is in it (`Depth: 0`: only an empty one)."""
        caller, share, path = self._asking.asked(request)
        await no_body(request)
        how = depth(request, "infinity", "0", "infinity")
        self._asking.check_conditions(request, caller, share, path)
        if how == "0":
            return self._answer(
                request, share, await self._host.paths.delete(caller, share, path) or []
            )
        return self._answer(request, share, await self._host.trees.delete(caller, share, path))

    async def move(self, request: Request) -> StreamResponse:
        """Rename within the share, to `Destination`; `Overwrite: F` refuses any name that exists,
        `Depth: 0` a directory.
        """
        caller, share, path = self._asking.asked(request)
        await no_body(request)
        new_path, replace = self._asking.destination(request, share)
        how = depth(request, "infinity", "0", "infinity")
        if self._host.gate.is_unread(share, new_path):
            await self._host.gate.read_ahead(share, new_path)
        self._asking.check_conditions(request, caller, share, path)
        existing = self._asking.exists(caller, share, new_path)
        move = self._host.paths.move if how == "0" else self._host.trees.move
        result = await move(caller, share, path, new_path, replace=replace)
        return self._answer(request, share, result or [], 204 if existing else 201)

    async def copy(self, request: Request) -> StreamResponse:
        """Copy within the share, to `Destination`; `Overwrite: F` refuses any name that exists,
        `Depth: 0` copies one name.
        """
        caller, share, path = self._asking.asked(request)
        await no_body(request)
        new_path, replace = self._asking.destination(request, share)
        infinite = depth(request, "infinity", "0", "infinity") == "infinity"
        if self._host.gate.is_unread(share, new_path):
            await self._host.gate.read_ahead(share, new_path)
        self._asking.check_conditions(request, caller, share, path)
        existing = self._asking.exists(caller, share, new_path)
        result = await self._host.trees.copy(
            caller, share, path, new_path, replace=replace, infinite=infinite
        )
        return self._answer(request, share, result, 204 if existing else 201)

    async def make_directory(self, request: Request) -> StreamResponse:
        """Make a directory; with `?parents=true` also those above it, and one that exists is fine
        (204).
        """
        caller, share, path = self._asking.asked(request, "parents")
        parents = switch("parents", query(request, "parents")["parents"])
        await no_body(request)
        existing = self._asking.exists(caller, share, path)
        if parents or not existing:  # where it is answered 405, conditions are not looked at
            self._asking.check_conditions(request, caller, share, path)
        refusal = await self._host.paths.make_directory(caller, share, path, parents=parents)
        if refusal is not None and refusal.nt_status == NtStatus.OBJECT_NAME_COLLISION:
            # RFC 4918, 9.3.1: 405, where the share says 412
            return refuse(request, refusal, headers={hdrs.ALLOW: self.allow}, status=405)
        return self._answer(request, share, refusal or [], 204 if existing else 201)

    def _answer(
        self, request: Request, share: str, result: Problem | Failures, done: int = 204
    ) -> StreamResponse:
        """What was done, why it was not, or (207) what of it was not."""
        if not result:
            return SingleWriteResponse(done)
        locks = self._host.dav_locks
        if isinstance(result, Problem):
            return refuse(request, result, error=lock_error(result, locks.of_handle))
        responses = []
        for path, problem in result:
            problem.dav_error = lock_error(problem, locks.of_handle)
            responses.append(failed_response(share, path, problem))
        return multistatus(responses)
