"""What a soak came to, in words, tables, a page and JUnit, at its end or afterwards."""
