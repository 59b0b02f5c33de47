"""The Inventory Data Loader: from MIFs in a box to the rows of the site database."""
