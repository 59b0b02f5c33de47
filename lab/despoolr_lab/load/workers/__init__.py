"""The processes that keep the pace with real clients, and who directs them."""
