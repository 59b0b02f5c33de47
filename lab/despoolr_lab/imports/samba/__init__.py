"""What a Samba server writes: its log (`log`, levels 2, 3 and 10), full_audit's lines (`audit`),
and what `smbstatus` prints (`status_json`, `status_text`).

Sources: Samba 4.17, `source3/smbd` and `source3/modules/vfs_full_audit.c`; smb.conf(5),
smbstatus(1), vfs_full_audit(8); and recordings of our own, whose rules are tested against what
really happened (tests/data/traces).
"""
