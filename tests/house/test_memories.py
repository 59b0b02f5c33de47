"""Every memory of the product: nothing remembers what somebody outside sends without a bound that
stands here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module

import pytest

from worlds.import_graph import nodes_of, tree_of
from worlds.support import REPOSITORY

ROOMS = (
    "core/despoolr_core",
    "server/despoolr_server",
    "client/despoolr_client",
    "app/despoolr_app",
)
"""Rooms whose processes live long; what the lab remembers ends with its run or its command."""

BYTES_MAX = 24 * 1024 * 1024
"""No single memory may come to hold more, keys and results."""

REMEMBERED: dict[str, tuple[int, int]] = {
    "core/despoolr_core/formats/dates.py:parse_date_time": (64, 64),
    "core/despoolr_core/formats/instructions/instruction_file.py:_check_keys": (256, 1024),
    "core/despoolr_core/formats/instructions/instruction_file.py:_is_short_key": (1024, 64),
    "core/despoolr_core/formats/instructions/instruction_file.py:_places": (256, 1024),
    "core/despoolr_core/formats/mif/language/dates.py:parse_date": (64, 25),
    "core/despoolr_core/formats/mif/fast.py:_node": (4096, 500),
    "core/despoolr_core/formats/reports/status_mif.py:_rendered": (1024, 4096),
    "core/despoolr_core/formats/reports/status_mif.py:_read": (1024, 4096),
    "core/despoolr_core/formats/instructions/winst_text.py:_lines_again": (1024, 4096),
    "core/despoolr_core/formats/instructions/winst_text.py:_record_again": (1024, 4096),
    "core/despoolr_core/formats/instructions/winst_text.py:_records_again": (64, 65_536),
    "server/despoolr_server/http/base/conditions.py:http_time": (1024, 64),
    "server/despoolr_server/http/dav/answers.py:_is_dav_client": (1024, 256),
    "server/despoolr_server/http/dav/answers.py:_lock_root": (1024, 512),
    "server/despoolr_server/http/dav/request.py:_seconds": (256, 64),
    "server/despoolr_server/http/dav/request.py:product": (256, 256),
    "server/despoolr_server/http/dav/bodies.py:parse_propfind": (256, 2048),
    "server/despoolr_server/http/dav/bodies.py:parse_lockinfo": (1024, 512),
    "server/despoolr_server/http/dav/bodies.py:empty_element": (4096, 128),
    "server/despoolr_server/http/dav/if_header.py:parse_if": (1024, 256),
    "server/despoolr_server/engine/names.py:parse_name": (16384, 160),
    "server/despoolr_server/engine/table.py:_above": (1024, 512),
    "server/despoolr_server/shares/handles/words.py:numbers_of": (1024, 256),
    "client/despoolr_client/agent/machine/programs.py:first_word": (1024, 512),
    "client/despoolr_client/pcm/servers.py:_place": (1024, 512),
    "client/despoolr_client/transport/http_share.py:_root_of": (256, 256),
    "server/despoolr_server/http/base/auth.py:Auth._remembered": (65_536, 128),
    "server/despoolr_server/files/long_names.py:LongNames._known": (4096, 255),
    "server/despoolr_server/http/base/surface.py:Surface._nameless": (65_536, 128),
    "server/despoolr_server/shares/handles/usual.py:UsualCalls._granted": (16_384, 256),
    "server/despoolr_server/http/shares/usual_calls.py:UsualRoutes._wishes": (4096, 256),
    "server/despoolr_server/http/connections/lane.py:FastLane._blocks": (4096, 256),
    "server/despoolr_server/http/connections/lane.py:FastLane._lines": (4096, 256),
    "server/despoolr_server/http/connections/field_block.py:_name": (256, 64),
}
"""What remembers texts from outside: how many, and how many characters of each (of `Bounded`
tables: on average).
"""

NUMBERS: dict[str, str] = {
    "core/despoolr_core/formats/dates.py:_ctime_of_second": "64 times",
    "core/despoolr_core/formats/dates.py:render_date_time": "64 times",
    "core/despoolr_core/formats/mif/language/dates.py:render_date": "64 times",
    "core/despoolr_core/formats/reports/job_mif.py:_pattern": "one pattern",
    "core/despoolr_core/formats/sms_id.py:to_base36": "1,024 numbers",
    "core/despoolr_core/formats/reports/job_mif_fast.py:mark": "as many as a report has texts",
    "core/despoolr_core/share/modes.py:render_access": "1,024 numbers",
    "core/despoolr_core/share/modes.py:render_share_mode": "1,024 numbers",
    "core/despoolr_core/share/modes.py:render_attributes": "1,024 numbers",
    "core/despoolr_core/share/modes.py:render_options": "1,024 numbers",
    "client/despoolr_client/transport/replies.py:_plain": "one pattern",
    "server/despoolr_server/http/live/page.py:_page": "one page",
    "app/despoolr_app/runs_page/html.py:style": "one style",
    "server/despoolr_server/http/base/conditions.py:http_date": "4,096 numbers",
    "server/despoolr_server/http/base/conditions.py:iso_date": "4,096 numbers",
    "server/despoolr_server/http/openapi/document.py:types_of": "HTTP statuses",
    "server/despoolr_server/http/handling/handler.py:over_aiohttp": "one module",
    "server/despoolr_server/http/handling/over_aiohttp.py:_status_line": "64 statuses",
    "server/despoolr_server/database/engines.py:_in_psycopgs_words": "512 statements of ours",
    "server/despoolr_server/database/protocol.py:_row_kind": "columns of 512 statements of ours",
    "server/despoolr_server/database/protocol.py:_with_list": "512 statements of ours",
    "server/despoolr_server/database/protocol.py:insert_into": "512 statements of ours",
    "server/despoolr_server/database/protocol.py:set_where": "512 statements of ours",
}
"""What remembers results of numbers, of statements or of nothing, by `lru_cache` or `cache`."""

TABLES: dict[str, str] = {
    "app/despoolr_app/clocks/shared_wakes.py:SharedWakes._asleep": "moments to which somebody "
    "sleeps; who has gone is looked for (`PURGE_MIN`)",
    "app/despoolr_app/fleet/instructions.py:InstructionFiles._readers": "logon servers of the site",
    "server/despoolr_server/assembly.py:SiteAssembly.databases": "one for each site of the process",
    "server/despoolr_server/assembly.py:SiteAssembly.logons": "one for each server of the process",
    "server/despoolr_server/assembly.py:SiteAssembly.sites": "one for each site of the process",
    "server/despoolr_server/assembly.py:SiteAssembly.stores": "one for each share of the process",
    "core/despoolr_core/records/episode.py:Episode.holds": "`HOLDS_MAX`; of all episodes "
    "`HOLDS_EACH` times `episodes_max`",
    "core/despoolr_core/records/episodes.py:EpisodeLedger._ended": "`episodes_max`",
    "core/despoolr_core/records/episodes.py:EpisodeLedger._episodes": "`episodes_max`",
    "core/despoolr_core/records/episodes.py:EpisodeLedger._by_key": "an episode each",
    "core/despoolr_core/records/episodes.py:EpisodeLedger._blocking": "holds of episodes that wait",
    "core/despoolr_core/records/episodes.py:EpisodeLedger._held": "`opens_max`",
    "core/despoolr_core/records/false_messages.py:FalseMessages._found": "`FALSE_MAX`",
    "core/despoolr_core/records/false_messages.py:FalseMessages._refused": "of one run",
    "core/despoolr_core/records/false_messages.py:FalseMessages._result": "of one run",
    "core/despoolr_core/records/stream.py:_decoder_of": "one for each of `KINDS`",
    "core/despoolr_core/records/versions/versioned_folder.py:VersionedFolder._counts": "`FILES_"
    "MAX`",
    "core/despoolr_core/records/versions/versioned_folder.py:VersionedFolder._files": "`FILES_MAX`",
    "core/despoolr_core/records/versions/versioned_folder.py:VersionedFolder.names": "`FILES_MAX`",
    "core/despoolr_core/records/versions/versioned_folder.py:VersionedFolder.now": "`FILES_MAX`",
    "core/despoolr_core/records/versions/version_map.py:VersionMap._current": "`JOBS_MAX`",
    "core/despoolr_core/records/versions/version_map.py:VersionMap._packages": "`FOLDERS_MAX`",
    "core/despoolr_core/records/versions/version_map.py:VersionMap.folders": "`FOLDERS_MAX`",
    "core/despoolr_core/records/versions/version_map.py:VersionMap.jobs": "`JOBS_MAX`",
    "core/despoolr_core/records/versions/program_runs.py:ProgramRuns._reported": "of one run",
    "core/despoolr_core/records/versions/program_runs.py:ProgramRuns._requests": "of one run",
    "core/despoolr_core/records/versions/program_runs.py:ProgramRuns._runs": "`RUNS_MAX`",
    "core/despoolr_core/records/whatif/hold_table.py:HoldTable._known_holders": "`HOLDERS_MAX`",
    "core/despoolr_core/records/whatif/hold_table.py:HoldTable._known_modes": "`MODES_MAX`",
    "core/despoolr_core/records/whatif/hold_table.py:HoldTable._locks": "one an open: `opens_max`",
    "core/despoolr_core/records/whatif/hold_table.py:HoldTable._open": "an open each: `opens_max`",
    "core/despoolr_core/records/whatif/hold_table.py:HoldTable._places": "`files_max`",
    "core/despoolr_core/records/whatif/hold_table.py:HoldTable.files": "`files_max`",
    "core/despoolr_core/records/whatif/waits.py:Hindsight._busy": "a few ways to ask for the files "
    "of each wait: 1,000",
    "core/despoolr_core/records/live/fold.py:LiveFold.faults": "`MARKS_MAX`",
    "core/despoolr_core/records/live/fold.py:LiveFold._same": "`MACHINES_MAX`",
    "core/despoolr_core/records/live/fold.py:LiveFold.attempts": "episodes: `EPISODES_MAX`, twice",
    "core/despoolr_core/records/live/fold.py:LiveFold.clients": "`MACHINES_MAX`",
    "core/despoolr_core/records/live/fold.py:LiveFold.jobs": "`JOBS_MAX`",
    "core/despoolr_core/records/live/fold.py:LiveFold.retries": "a site and a job: `JOBS_MAX`",
    "core/despoolr_core/records/live/fold.py:LiveFold.servers": "`SERVERS_MAX`",
    "core/despoolr_core/records/live/fold.py:LiveFold.silent": "servers of the site",
    "server/despoolr_server/http/live/feeds.py:Feed.page": "one page, its lists bounded",
    "server/despoolr_server/http/live/feeds.py:LiveFeeds._feeds": "`FEEDS_MAX`",
    "core/despoolr_core/records/view.py:RunView._faults": "records of one run: `RECORDS_MAX`",
    "core/despoolr_core/records/view.py:RunView._kept": "records of one run: `RECORDS_MAX`",
    "core/despoolr_core/records/view.py:RunView._open": "records of one run: `RECORDS_MAX`",
    "core/despoolr_core/records/view.py:RunView.attempts": "records of one run: `RECORDS_MAX`",
    "core/despoolr_core/records/view.py:RunView.details": "records of one run: `RECORDS_MAX`",
    "core/despoolr_core/records/view.py:RunView.jobs": "records of one run: `RECORDS_MAX`",
    "core/despoolr_core/formats/mif/checks.py:Checker.enums": "one file: `MIF_SIZE_MAX`",
    "core/despoolr_core/formats/mif/checks.py:Checker.templates": "one file: `MIF_SIZE_MAX`",
    "core/despoolr_core/formats/mif/checks.py:Checker._classes": "one file: `MIF_SIZE_MAX`",
    "core/despoolr_core/rules/memory.py:Bounded._table": "the table of `Bounded` itself",
    "server/despoolr_server/http/connections/connections.py:Connections._live": "`connections_max`",
    "server/despoolr_server/http/connections/connections.py:Connections._silent": ""
    "`connections_max`",
    "server/despoolr_server/http/connections/connections.py:Connections._per_address": ""
    "`connections_max`",
    "server/despoolr_server/http/connections/lane.py:FastLane._patterns": "calls of `LANE_CALLS`",
    "server/despoolr_server/http/handling/application.py:Addresses._by_text": "routes",
    "server/despoolr_server/http/handling/application.py:_Address.routes": "methods of routes",
    "server/despoolr_server/http/connections/whole_request.py:WholeRequest._cache": "one request",
    "server/despoolr_server/http/connections/whole_request.py:WholeRequest._state": "one request",
    "server/despoolr_server/http/base/counts/traffic.py:Traffic._untold": "`KINDS`",
    "server/despoolr_server/http/base/uploads.py:Uploads._sizes": "callers whose bodies are on "
    "their way: `connections_max`",
    "server/despoolr_server/http/shares/server/messages.py:MessageBoard._waiting": "`MACHINES_MAX` "
    "times `MESSAGES_MAX`",
    "server/despoolr_server/shares/base/audit.py:Audit.refusal_counts": "`LABELS_MAX`",
    "server/despoolr_server/http/dav/fragments.py:Fragments.files": "`SIZE_MAX` bytes of responses",
    "server/despoolr_server/http/dav/fragments.py:Fragments.runs": "`SIZE_MAX` bytes of responses",
    "server/despoolr_server/http/dav/fragments.py:KeptFragments._questions": "`QUESTIONS_MAX`, and "
    "`SIZE_MAX` bytes of responses",
    "server/despoolr_server/http/openapi/routes.py:DocumentRoutes._kept": "two documents",
    "core/despoolr_core/rules/fields.py:_texts_of": "kinds of bodies, named in code",
    "server/despoolr_server/http/base/surface.py:Surface.answers": "methods of routes",
    "server/despoolr_server/site/services/box_repair.py:_by_parent": "lists of boxes, named "
    "in code",
    "server/despoolr_server/site/services/box_repair.py:BoxRepair._whole": "directories of boxes, "
    "named in code",
    "server/despoolr_server/http/base/surface.py:Surface.latencies": "methods of routes",
    "server/despoolr_server/shares/base/gate.py:Gate.shares": "shares of the configuration",
    "server/despoolr_server/shares/base/closing.py:Closing._gone": "`ended_handles_max`",
    "server/despoolr_server/shares/base/closing.py:Closing.parked": "`lock_waiters_max`",
    "server/despoolr_server/shares/base/dav_locks.py:DavLockTable._by_token": "`dav_locks_max`",
    "server/despoolr_server/shares/base/dav_locks.py:DavLockTable._by_handle": "`dav_locks_max`",
    "server/despoolr_server/shares/base/dav_locks.py:DavLockTable._by_key": "`dav_locks_max`",
    "server/despoolr_server/shares/base/dav_locks.py:DavLockTable._within": "`dav_locks_max`",
    "server/despoolr_server/shares/base/dav_locks.py:DavLockTable._counts": "`dav_locks_max`",
    "server/despoolr_server/engine/holders.py:Holders._classes": "an open each",
    "server/despoolr_server/engine/tree_locks.py:TreeLocks._directories": "an open each",
    "server/despoolr_server/engine/engine.py:ShareEngine.ending": "an open each",
    "server/despoolr_server/engine/engine.py:ShareEngine._left": "a session each: `sessions_max`",
    "server/despoolr_server/engine/locking.py:Locking._waiters": "`lock_waiters_max`",
    "server/despoolr_server/engine/locking.py:Locking._waiters_of": "`lock_waiters_max`",
    "server/despoolr_server/engine/locking.py:Locking._waits": "`lock_waiters_max`",
    "server/despoolr_server/engine/locking.py:Locking._to_wake": "`lock_waiters_max`",
    "server/despoolr_server/engine/locking.py:Locking._lock_counts": "an open each",
    "server/despoolr_server/engine/ranges.py:_Held.locks": "`locks_per_open_max`",
    "server/despoolr_server/engine/ranges.py:_Held._by_size": "`locks_per_open_max`",
    "server/despoolr_server/engine/ranges.py:FileRanges._by_handle": "an open each",
    "server/despoolr_server/engine/ranges.py:FileRanges._by_range": "an open each",
    "server/despoolr_server/engine/sessions.py:SessionTable._sessions": "`sessions_max`",
    "server/despoolr_server/engine/sessions.py:SessionTable._counted": "`sessions_max`",
    "server/despoolr_server/engine/sessions.py:SessionTable._of_machine": "`sessions_max`",
    "server/despoolr_server/engine/sessions.py:SessionTable._deadlines": "`sessions_max`",
    "server/despoolr_server/engine/table.py:OpenedFile.opens": "`opens_max`",
    "server/despoolr_server/engine/table.py:OpenTable._opens": "`opens_max`",
    "server/despoolr_server/engine/table.py:OpenTable._files": "`opens_max`",
    "server/despoolr_server/engine/table.py:OpenTable._by_session": "`opens_max`",
    "server/despoolr_server/engine/table.py:OpenTable._below": "`opens_max`, times the depth of "
    "a path",
    "server/despoolr_server/shares/base/rights.py:RightsTable._entries": "rights of the "
    "configuration",
    "server/despoolr_server/site/despooler/client_results.py:ClientResults._requests": ""
    "`FILES_REMEMBERED_MAX`",
    "server/despoolr_server/site/despooler/base/close_watch.py:CloseWatch._refused": "one for each "
    "server of a job that waits for its retry",
    "server/despoolr_server/site/despooler/base/close_watch.py:CloseWatch._tried": "the same, "
    "until the attempt that follows in the same cycle",
    "server/despoolr_server/site/despooler/copying/shipped/delete_then_copy_checked.py"
    ":_Replacement._old": "the files of a directory, for one attempt",
    "server/despoolr_server/site/despooler/copying/shipped/delete_then_copy_checked.py"
    ":_Replacement._opens": "`HELD_MAX`, for one attempt",
    "server/despoolr_server/site/despooler/service.py:Despooler._waits_for": "an instruction "
    "file each",
    "server/despoolr_server/site/despooler/service.py:Despooler._put_off_until": "an instruction "
    "file each",
    "server/despoolr_server/site/loader/detail_rows.py:DetailRows._known": "one batch",
    "server/despoolr_server/site/loader/detail_rows.py:DetailRows._changed": "one batch",
    "server/despoolr_server/site/loader/service.py:_Batch._jobs": "one batch",
    "server/despoolr_server/site/services/scheduler/job_statuses.py:JobStatuses._look_at": ""
    "jobs under way that retry, or were not sent yet",
    "server/despoolr_server/site/state/logs.py:LogDirectory._waiting": "half a second of lines",
    "server/despoolr_server/site/services/maintenance.py:MaintenanceManager._empty_at": "boxes of "
    "servers of the configuration",
    "server/despoolr_server/site/services/masters.py:MasterCarrier._domains": "domains of the "
    "configuration",
    "server/despoolr_server/site/services/masters.py:MasterCarrier._found": "files of the "
    "domains' boxes",
    "server/despoolr_server/site/services/masters.py:MasterCarrier._carried": "files of the "
    "domains' boxes, a server each",
    "server/despoolr_server/site/services/masters.py:MasterCarrier._complete_at": "domains, a "
    "server each",
    "server/despoolr_server/site/state/registry.py:Registry._keys": "values of one registry file",
    "server/despoolr_server/site/services/service.py:Executive._tasks": "services",
    "server/despoolr_server/files/beside/attributes.py:AttributeList._bits": "a file each that "
    "has attributes",
    "server/despoolr_server/files/journal/directory_renames.py:DirectoryRenames._renamed": (
        "the directories renamed while the disk was synced once"
    ),
    "server/despoolr_server/files/journal/journalled.py:JournalledFileStore._puts": "`PUTS_MAX`",
    "server/despoolr_server/files/journal/open_directories.py:OpenDirectories._kept": ""
    "`DIRECTORIES_MAX`",
    "server/despoolr_server/files/journal/passing.py:PassingFiles.files": "`COUNT_MAX`, `SIZE_MAX`",
    "server/despoolr_server/files/journal/passing.py:PassingFiles._emptied": "`DIRECTORIES_MAX`",
    "server/despoolr_server/files/journal/passing.py:PassingFiles._within": "as many as `files`",
    "server/despoolr_server/files/spare/originals.py:Originals._open": "`OPEN_MAX`",
    "server/despoolr_server/files/spare/originals.py:Originals._puts": "`NAMES_MAX`",
    "server/despoolr_server/files/known_files.py:KnownFiles.rows": "`KNOWN_MAX` files that exist",
    "server/despoolr_server/files/small_files.py:SmallFiles.files": "`SIZE_MAX` bytes, `COUNT_MAX` "
    "files",
    "server/despoolr_server/files/listings.py:KeptListings._kept": "`SIZE_MAX` bytes",
    "server/despoolr_server/files/journal/records.py:JournalOutcome.directories": "one journal",
    "server/despoolr_server/files/journal/records.py:JournalOutcome.files": "one journal",
    "server/despoolr_server/files/journal/records.py:JournalOutcome.gone": "one journal",
    "server/despoolr_server/files/journal/records.py:JournalOutcome.kept": "one journal",
    "server/despoolr_server/files/journal/records.py:JournalOutcome.gone_directories": "one "
    "journal",
    "server/despoolr_server/files/journal/recovery.py:_Recovery._called_before": "one journal",
    "server/despoolr_server/files/memory.py:_Node.properties": "a file in memory",
    "server/despoolr_server/files/memory.py:MemoryFileStore.quotas": "shares of a scenario",
    "server/despoolr_server/files/memory.py:MemoryFileStore._staged": "requests in flight",
    "server/despoolr_server/files/path_index.py:DirectoryIndex.keys": "files of one directory",
    "server/despoolr_server/files/path_index.py:DirectoryIndex.names": "files of one directory",
    "server/despoolr_server/files/path_index.py:PathIndex._folders": "`FOLDERS_MAX`",
    "server/despoolr_server/files/path_index.py:PathIndex._tallies": "`FOLDERS_MAX`",
    "server/despoolr_server/files/beside/properties.py:_NONE": "always empty",
    "server/despoolr_server/files/beside/properties.py:PropertyList._directories": "at most "
    "`_DIRECTORIES_MAX`",
    "server/despoolr_server/files/beside/properties.py:PropertyList._sizes": "as many as "
    "`_directories`",
    "server/despoolr_server/files/beside/properties.py:PropertyList._line_counts": "at most "
    "`_DIRECTORIES_MAX`",
    "client/despoolr_client/agent/connections.py:MachineConnections._servers": "servers of a site",
    "client/despoolr_client/agent/outbox.py:Outbox.notices": "records of an instruction file",
    "client/despoolr_client/pcm/state.py:Pcm.executed_at": "commands of one client's instructions",
    "client/despoolr_client/agent/settings.py:Interner._histories": "`records_max`",
    "client/despoolr_client/agent/settings.py:Interner._lists": "`records_max`",
    "client/despoolr_client/agent/settings.py:Interner._records": "`records_max`",
    "client/despoolr_client/pcm/history.py:NO_HISTORY": "always empty",
    "client/despoolr_client/agent/machine/windows.py:Windows._files": "files of one program's run",
    "client/despoolr_client/agent/machine/windows.py:Windows._noidmifs": "files of one machine",
    "app/despoolr_app/process/logs/process_log.py:BurstFilter._windows": "kinds of lines, in code",
    "app/despoolr_app/servers/metrics.py:BoxMetrics._depths": "boxes",
    "app/despoolr_app/servers/metrics.py:BoxMetrics._known": "`DIRECTORIES_KNOWN_MAX`",
    "app/despoolr_app/servers/reach.py:Reach._connections": "servers that a machine "
    "knows, for each program of ours",
    "app/despoolr_app/servers/reach.py:Reach._followers": "servers that a site knows",
    "app/despoolr_app/servers/reach.py:Reach.lines": "one for each server of the process",
    "app/despoolr_app/servers/reach.py:Reach.urls": "one for each server of the process",
    "app/despoolr_app/top/screen.py:TopApp.orders": "panes",
    "server/despoolr_server/faults/book.py:FaultBook._entries": "`FAULTS_MAX`",
    "server/despoolr_server/faults/line.py:ServerLine._calls": "requests in flight",
    "server/despoolr_server/faults/full_disk.py:FillableFileStore._staged": "requests in flight",
    "server/despoolr_server/faults/full_disk.py:FillableFileStore._full": "`FAULTS_MAX`",
    "server/despoolr_server/http/site/slots.py:SlotRoutes.clocks": "`FAULTS_MAX`",
    "server/despoolr_server/site/state/rows/slots.py:SlotTable._leases": "`FLEETS_MAX`",
    "server/despoolr_server/site/state/rows/slots.py:SlotTable._lapsed": "`FLEETS_MAX`",
}
"""Dictionaries that begin empty and live in an object or a module: what bounds each."""


def name_of(node: ast.expr) -> str:
    """The last word of a name or attribute."""
    return (
        node.attr
        if isinstance(node, ast.Attribute)
        else node.id
        if isinstance(node, ast.Name)
        else ""
    )


def begins_empty(value: ast.expr | None) -> bool:
    """Whether a value is a dictionary that something will be put into."""
    if isinstance(value, ast.Dict):
        return not value.keys
    if not isinstance(value, ast.Call):
        return False
    name = name_of(value.func)
    return name in ("defaultdict", "Bounded") or (
        name in ("dict", "OrderedDict", "Counter") and not value.args
    )


def targets_of(node: ast.AST) -> list[ast.expr]:
    """What is assigned to, if a dictionary that begins empty is."""
    if isinstance(node, ast.AnnAssign) and begins_empty(node.value):
        return [node.target]
    return node.targets if isinstance(node, ast.Assign) and begins_empty(node.value) else []


def memories_in(tree: ast.Module) -> Iterator[str]:
    """The decorated functions, attributes and module names of one module that remember."""
    for statement in tree.body:
        yield from (target.id for target in targets_of(statement) if isinstance(target, ast.Name))
        if isinstance(statement, ast.Assign) and any(
            name_of(n) in ("lru_cache", "cache")
            for n in ast.walk(statement)
            if isinstance(n, ast.expr)
        ):
            yield from (name_of(target) for target in statement.targets)
    for node in nodes_of(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
            if any(name_of(call) in ("cache", "lru_cache", "remembered") for call in calls):
                yield node.name
        if isinstance(node, ast.ClassDef):
            attributes = [
                t
                for inner in ast.walk(node)
                for t in targets_of(inner)
                if isinstance(t, ast.Attribute)
            ]
            yield from dict.fromkeys(
                f"{node.name}.{t.attr}" for t in attributes if name_of(t.value) == "self"
            )


@cache
def found() -> set[str]:
    """Every memory of the product, as `file:name`."""
    paths = [path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py")]
    return {
        f"{path.relative_to(REPOSITORY).as_posix()}:{name}"
        for path in paths
        for name in memories_in(tree_of(path))
    }


@pytest.mark.slow
def test_every_memory_is_listed_with_its_bound() -> None:
    listed = {*REMEMBERED, *NUMBERS, *TABLES}
    assert sorted(found() - listed) == [], (
        "say what bounds it; what has texts from outside for keys is `remembered`"
    )
    assert sorted(listed - found()) == [], "these are no more"


def test_no_memory_of_texts_can_come_to_hold_more_than_a_few_megabytes() -> None:
    for name, (count, size) in REMEMBERED.items():
        assert count * size * 2 <= BYTES_MAX, name


@pytest.mark.parametrize(
    "place", [place for place in REMEMBERED if "." not in place.rpartition(":")[2]]
)
def test_what_is_listed_is_what_the_function_keeps_to(place: str) -> None:
    path, _, name = place.partition(":")
    module = import_module(path.removesuffix(".py").partition("/")[2].replace("/", "."))
    assert getattr(module, name).bounds == REMEMBERED[place]


@pytest.mark.slow
def test_what_came_first_is_forgotten_at_once_however_much_is_remembered() -> None:
    """A `dict` that loses its first entry again and again looks at all that it has lost since it
    was laid out anew: 30 us of 65,536, hundreds of a million. `OrderedDict.popitem` does not.
    """
    slow = [
        f"{path.relative_to(REPOSITORY).as_posix()}:{node.lineno}"
        for room in (*ROOMS, "lab/despoolr_lab")
        for path in (REPOSITORY / room).rglob("*.py")
        for node in nodes_of(tree_of(path))
        if isinstance(node, ast.Delete | ast.Call) and _takes_the_first(node)
    ]
    assert not slow, "use `popitem(last=False)` of an `OrderedDict`"


def _takes_the_first(node: ast.Delete | ast.Call) -> bool:
    """Whether a key is taken out that was just found to be the first: `del a[next(iter(a))]`, or
    `a.pop(next(iter(a)))`.
    """
    keys: list[ast.expr] = []
    if isinstance(node, ast.Delete):
        keys = [target.slice for target in node.targets if isinstance(target, ast.Subscript)]
    elif name_of(node.func) == "pop":
        keys = node.args[:1]
    return any(
        isinstance(key, ast.Call)
        and name_of(key.func) == "next"
        and isinstance(key.args[0], ast.Call)
        and name_of(key.args[0].func) == "iter"
        for key in keys
    )
