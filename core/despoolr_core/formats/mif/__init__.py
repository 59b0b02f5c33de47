"""MIF: the Management Information Format of DMI 1.x and SMS 1.x/2.0, read and written without loss.

The nouns (`language`): a `Mif` is one component; a `Component` holds groups, tables, enumerations
and paths; a `Group` has a class and attributes; an `Attribute` has a type and perhaps a value. A
`MifFinding` is something a reader noticed, with its place, its rule and the rule's source; `RULES`
says what each means for the DMI specification (`Mode.STRICT`), for a forgiving reader
(`Mode.LENIENT`) and for SMS (`Mode.SMS`).

    codec.parse(data, mode)     the tree, or `MifError`; `codec.check` has every finding
    render.render(mif)          one clean style; `render.render_verbatim`: byte for byte
    build.build_mif(...)        a tree from a program's values
"""
