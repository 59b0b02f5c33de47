"""Records: everything that happened, in order, and what can be told from them."""
