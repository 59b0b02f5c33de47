"""What `vulture` takes for dead and is not: each name stands below the reason why. A name that
vulture no longer reports goes from here (`test_dead_code.py`).
"""

from typing import Any

_: Any = None

# click finds commands by their decorators, and calls these of a group.
_.list_
_.lint
_.serve_all
_.collect_usage_pieces
_.format_commands
_.shell_complete

# `logging.Formatter` reads them; `io.TextIOBase`'s callers ask it.
_.converter
_.default_time_format
_.default_msec_format
_.writable

# The third place of `__exit__`.
_.trace

# Alembic reads them in a migration.
_.revision
_.down_revision
_.branch_labels
_.depends_on

# Jinja calls it for a template that it has compiled.
_.dump_bytecode

# The parser of XML calls it for each namespace.
_.start_ns

# The type of a callback.
_.__call__

# aiohttp reads what we set of it, and calls what we override.
_.requests_count
_._lingering_time
_._request_in_progress
_._cached_current_datetime
_._create_connection

# What we touch of aiohttp's connection, held to the installed one by a contract test.
_.TOUCHED

# Attributes of aiohttp's requests and bodies, which its methods read.
_.readany
_._payload
_._method
_._cache
_._client_max_fields
_._client_max_size
_._rel_url
_._payload_writer
_._transport_sslcontext
_._transport_peername
_._transport_sockname

# Python's buffered readers call them.
_.readable
_.readinto

# asyncio's loops and transports: called by asyncio and aiohttp.
_._when
_._run_once
_._asyncgen_finalizer_hook
_._process_events
_.event_list
_._write_to_self
_.shutdown_default_executor
_.can_write_eof
_.pause_reading
_.resume_reading
_.is_reading
_.get_write_buffer_limits
_.set_write_buffer_limits
_.get_protocol

# Read by the templates of reports, or set in Jinja's environment.
_.filters
_.globals
_.outcome_sub
_.outcome_kind
_.is_thin
_.is_never
_.legend

# Fields that are told as JSON, or kept as such.
_.does
_.created_at
_.iso
_.uptime_s
_.uptime_site_s
_.waiter_site_s
_.clients_leased
_.polls_late
_.poll_classes

# Fields of an instruction file, read and written by their names.
_.install_flag
_.disk_usage
_.wcl_name
_.domain_name
_.pcm_version

# Words of a table that is whole: of a field of bits, of access, of attributes, of what programs do.
_.WIN32_MIPS
_.WIN32_ALPHA
_.DOS5
_.DOS6
_.MACINTOSH
_.LANMAN1
_.LANMAN2
_.NETWARE2
_.NETWARE4
_.READ_EA
_.EXECUTE
_.DELETE_CHILD
_.READ_CONTROL
_.WRITE_DAC
_.WRITE_OWNER
_.SYNCHRONIZE
_.ARCHIVE
_.NORMAL
_.CRASH

# What a profile says of a version and nothing acts on yet (docs/fidelity.md says which).
_.dump_months_from_zero
_.dump_year_2000_is_100

# Facts about the code, held to by tests: letters with no fold, texts of our wording, what a memory
# may hold.
_.NOT_FOLDED
_.is_quoted

# What a zone of Python's must have.
_.dst

# An option of a run, made of its word.
_.BYTES

# What the template of a measured run's page reads.
_.kicker
_.course_note

# What the live page's script reads of the page.
_.bar_count
_.block_count
_.by_one_count
_.folders_broken
_.holding_machines
_.is_site
_.lane_order
_.more_files
_.more_servers
_.server_count
_.strategy_says

# What Textual reads of an app and its widgets, and calls; tests read how much was drawn.
_.BINDINGS
_.CSS
_.DEFAULT_CSS
_.ENABLE_COMMAND_PALETTE
_.action_filter
_.action_move
_.action_open
_.action_pane
_.action_release
_.action_why
_.action_yes
_.action_history
_.action_sort
_.can_focus
_.compose
_.display
_.drawn_count
_.key_enter
_.key_n
_.key_q
_.on_input_submitted
_.on_mount
_.on_resize
_.render_line
_.virtual_size
