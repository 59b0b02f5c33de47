"""SMB2 and SMB3 captures. `tshark` reads the packets; what it writes, here or elsewhere, is read as
`frames`: `fields` (`-T fields`), `layers` (`-T json`, `-T ek`). `dialogue` pairs requests with
their responses, and says what was opened, refused and closed.

Sources: [MS-SMB2] 2.2 (commands and their fields), `tshark -G fields` (4.0), [MS-ERREF] 2.3
(statuses).
"""
