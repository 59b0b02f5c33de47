"""Files that wait to become others: how they are kept, and how one takes another's place."""
