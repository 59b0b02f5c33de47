"""The services of a site: they meet in boxes on shares and in the database, and reach shares by
their contract alone.

`jobs` decides (pure), `state` is what services read and write, `services`, `despooler` and `loader`
do the work; `administrator` and `hotfixes` take orders. An inner package never imports an outer
one.
"""
