"""Who has which file open and who waits for it: asked of a site or a run (`ask`), looked at
(`top`), done (`hold`) and ended (`release`).
"""
