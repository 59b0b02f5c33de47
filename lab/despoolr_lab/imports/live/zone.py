"""The zone of the machine that watches: a log that is followed has its times in it."""

from __future__ import annotations

import calendar
import datetime as dt
import time


class LocalZone(dt.tzinfo):
    """This machine's zone, as the C library knows it."""

    def utcoffset(self, when: dt.datetime | None) -> dt.timedelta:
        """How far it is ahead of UTC at a local time (None: now)."""
        local = when.timetuple() if when is not None else time.localtime()
        fields = local[:8]
        return dt.timedelta(seconds=round(calendar.timegm(local) - time.mktime((*fields, -1))))

    def dst(self, _when: dt.datetime | None) -> dt.timedelta | None:
        """Unknown: nobody asks for it."""
        return None

    def tzname(self, _when: dt.datetime | None) -> str:
        """The name of the zone outside of summer."""
        return time.tzname[0]
