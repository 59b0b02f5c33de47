"""What a MIF is made of, for all who read, check or write one: its words and tokens, the tree, its
dates, the rules that it can break, and what is told of one that does.
"""
