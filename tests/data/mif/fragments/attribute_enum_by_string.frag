name = "how it is now"
id = 4
description = "How the alarm of this row "
              "stands at this moment."
type = start enum
          0x0004 = "Well"
          0x0008 = "Worn"
          0x000A = "Broken"
          0x000C = "Lost"
       end enum
access = read-only
storage = specific
value = "Well"
