r"""The words PCM wrote to its log, letter for letter (`domain.md` b.9).

`PCMWIN.LOG` prefixes each with date, time and `Package Command Manager ==> ` (Q166765, Q169491).
`PACMAN.LOG` of the service is in the SMS Tracer layout, which `despoolr_core.formats.tracer`
renders; here are only the texts.
"""

from __future__ import annotations

from typing import Final

POLLING: Final = "Polling ....."
NO_LOGON_SERVER: Final = "Failed to connect to SMS Logon Server."
NO_INSTRUCTION_FILE: Final = "No instruction file."
NEW_PACKAGES: Final = "New packages found."
NO_NEW_PACKAGES: Final = "No new packages found."
JOB: Final = "A job is in process."
REPORTING: Final = "Reporting on completed package execution."
NO_ERROR: Final = "No error was detected while attempting to run the job."
AN_ERROR: Final = "An error was detected while attempting to run the job."
JOB_COMPLETED: Final = "Job completed."


def looking_for(logon_server: str, sms_id: str) -> str:
    """The instruction file is asked for."""
    return rf"Looking for instruction file: \\{logon_server}\SMS_SHR\pcmins.box\{sms_id}.INS"


def before_filter(count: int) -> str:
    """The log line that counts the records of the file."""
    return f"Packages before filter: {count}"


def after_filter(count: int) -> str:
    """Records that are for this machine and this PCM."""
    return f"Packages after filter: {count}"


def service_only(request_id: str) -> str:
    """A record that only PCMSVC32 runs, seen by a desktop PCM."""
    return f"Package (Request ID) {request_id} is marked for service-only execution, skipping it."


def executing(command_line: str) -> str:
    """A package's command line starts."""
    return f"Executing command line: {command_line}"


def execution_error(code: int) -> str:
    """The command line could not be started."""
    return f"Execution error #{code} detected."


def unable_to_connect(uncs: list[str]) -> str:
    """No distribution server of a package could be connected (Q185347)."""
    return "Unable to connect to " + ", ".join(unc.rstrip("\\") for unc in uncs)


def need_to_report(mif_path: str) -> str:
    """A status MIF newer than the run was found."""
    return f"Need to report with DMTF MIF: {mif_path}"


def writing_status(directory: str) -> str:
    """The report goes to the results share."""
    return f"Writing status information to {directory}"
