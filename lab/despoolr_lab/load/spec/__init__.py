"""What a load file says: its tables, how it is read, and the pace that its shapes give."""
