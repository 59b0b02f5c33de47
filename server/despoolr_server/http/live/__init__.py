"""The live page: its data as server-sent events, and the page itself.

feeds      `LiveFeeds`: pages of one fold, made when something changed and somebody looks
routes     the calls: the stream, and closing an open on any server of the site
calls      their rows
page       `LivePageRoutes`: the page, one file made of `assets/`, which holds no data
"""
