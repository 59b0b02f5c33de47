"""The strategies of SMS itself: what they do wrong, the articles say; nobody mends it here."""
