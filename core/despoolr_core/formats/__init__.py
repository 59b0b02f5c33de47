"""Files of the field, one format a module: bytes in, structs out, and back.

`instructions` say what shall be done, `reports` what came of it; most of these are MIFs, whose
language is `mif`. Beside this page: identifiers, dates, the client's SMS.INI, logs and events.
"""
