Start Attribute
      Name = "Inventory Tag "
      ID = 1
      Type = String(35)
      Storage = Specific
      Value = "3310997"
End Attribute
