"""Files of the field, one format a module: bytes in, structs out, and back."""
