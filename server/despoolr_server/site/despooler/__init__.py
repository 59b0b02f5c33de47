"""The Despooler: what it installs, copies, removes, cancels and reports, on every server of a
package.
"""
