name = "how bad it is"
id = 2
description = "How bad the alarm is."
type =  start enumeration
           0x001 = "Noted"
           0x002 = "Told"
           0x004 = "Well"
           0x008 = "Worn"
           0x00A = "Broken"
           0x00C = "Lost"
        end enumeration
access = read-only
storage = specific
value = 0
