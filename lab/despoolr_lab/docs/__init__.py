"""Documents that are made from the code: share semantics, security, the examples of the API."""
