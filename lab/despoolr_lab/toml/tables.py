"""What all tables of a scenario file have in common: strictness, and the kinds of value that many
of their keys take.
"""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from despoolr_core.profile import PROFILES, profile_of, with_overrides

Span = Annotated[
    str,
    Meta(description="A span of time: 30s, 90m, 2h, 3d, 1w, or several together as in 2d 4h 30m"),
]
Moment = Annotated[
    str,
    Meta(
        description="A span since the start of the run (2d 4h), or a date and time "
        "(1996-06-03 09:00)"
    ),
]
NAME_FORM: Final = r"^[A-Za-z0-9_.$-]+$"
JOB_NAME_FORM: Final = r"^[A-Za-z0-9_.$-]+(#[1-9][0-9]{0,4})?$"
SITE_CODE_FORM: Final = r"^[A-Z0-9]{3}$"
Name = Annotated[str, Meta(min_length=1, max_length=32, pattern=NAME_FORM)]
JobName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=38,
        pattern=JOB_NAME_FORM,
        description="A job's name; of a repeating job NAME#2 is its second instance",
    ),
]
SiteCode = Annotated[str, Meta(pattern=SITE_CODE_FORM, description="Three letters or digits")]


class Table(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Every table refuses keys it does not know."""


def split_job(name: str) -> tuple[str, int]:
    """The name of a job and the number of the instance; 0 where none is said."""
    plain, _, number = name.partition("#")
    return plain, int(number or 0)


def check_fields(overrides: dict[str, Any]) -> None:
    """Raises `ProfileError` for a behaviour there is not, or a value it cannot have."""
    with_overrides(profile_of(next(iter(PROFILES))), overrides)
