"""A scenario file becomes a `Scenario`, or one error with its line: `load` reads it, the others say
what no run could make sense of: places that are not there, subjects that cannot be as expected,
moments that are too early or too late, steps that contradict each other. `written` is the way
back.
"""
