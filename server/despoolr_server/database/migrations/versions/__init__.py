"""One step of the schema a module; a step that was shipped is never changed."""
