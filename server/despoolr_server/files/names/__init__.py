"""Names on disk that are not the names on the share: too long, or folded by an older rule."""
