    start table
        name = "tides"
        id = 2
        class = "tide class"
        {4,,,,,,,,,}
        {5,5,5,5,1204,"row 5","bytes","19960229073000.000000+060",811,5}
        {6,-12,6,6,1377,"row 6","bytes","88888888888.888888-888",902,44}
    end table
