start enumeration
name = "YESNO"
       0 = "No"
       1 = "Yes"
end enumeration
