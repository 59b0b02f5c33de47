        Start Attribute
            Name        = "Serial Number"
            ID          = 4
            Description = "The number on the back of it."
            Access      = Read-Only
            Storage     = Specific
            Type        = String(64)
            Value       = "<AskTheUser>"     // Typed in by whoever installs it
        End Attribute
