"""The strategies by name: the values of the profile field `copy_strategy`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from despoolr_server.site.despooler.copying.ours.at_restart import at_restart
from despoolr_server.site.despooler.copying.ours.delete_first_shared import delete_first_shared
from despoolr_server.site.despooler.copying.ours.new_folder_and_switch import new_folder_and_switch
from despoolr_server.site.despooler.copying.ours.posix_replace import posix_replace
from despoolr_server.site.despooler.copying.ours.probe_all_then_copy import probe_all_then_copy
from despoolr_server.site.despooler.copying.ours.quiesce_marker import quiesce_marker
from despoolr_server.site.despooler.copying.ours.rename_aside import rename_aside
from despoolr_server.site.despooler.copying.ours.retry_on_close import retry_on_close
from despoolr_server.site.despooler.copying.ours.skip_locked_and_retry import skip_locked_and_retry
from despoolr_server.site.despooler.copying.ours.temp_and_rename import temp_and_rename
from despoolr_server.site.despooler.copying.shipped.delete_then_copy import delete_then_copy
from despoolr_server.site.despooler.copying.shipped.delete_then_copy_checked import (
    delete_then_copy_checked,
)
from despoolr_server.site.despooler.copying.shipped.stop_at_first_lock import stop_at_first_lock
from despoolr_server.site.despooler.copying.target import CopyResult, Target

STRATEGIES: Final[dict[str, Callable[[Target], Awaitable[CopyResult]]]] = {
    one.__name__: one
    for one in (
        stop_at_first_lock,
        delete_then_copy,
        delete_then_copy_checked,
        skip_locked_and_retry,
        temp_and_rename,
        new_folder_and_switch,
        probe_all_then_copy,
        retry_on_close,
        quiesce_marker,
        rename_aside,
        posix_replace,
        at_restart,
        delete_first_shared,
    )
}
