"""What Windows writes: Process Monitor's CSV (`procmon`), the Security log (`security`), and who
has which file open: `openfiles /query` (`openfiles`), `Get-SmbOpenFile` (`smb_open_file`).

Sources: Microsoft's pages of these commands and events (4656, 4658, 5145), Procmon's help. Share
modes are in Procmon's CSV only.
"""
