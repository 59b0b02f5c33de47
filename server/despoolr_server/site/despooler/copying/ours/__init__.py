"""Strategies that never shipped, to be compared with those that did.

Each works alone, from the first distribution on: it makes directories, deletes what left the
package, writes only what is not the new content yet, and may be killed between any two steps.
"""
