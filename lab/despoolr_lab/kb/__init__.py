"""The gallery of articles: which scenario tells which, and on which versions each must hold."""
