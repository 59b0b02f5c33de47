"""What is kept beside the files of a directory tree, because a disk does not keep it: attributes,
WebDAV's dead properties, and both as an older version left them.
"""
