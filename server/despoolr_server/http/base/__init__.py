"""What every handler stands on: connections, their time-outs and limits. It knows no share, no site
and no route.
"""
