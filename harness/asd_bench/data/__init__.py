"""From files on disk to what a detector may see.

`manifest` knows which clips exist, `store` decodes and packs them once, `clips` is the view that a detector gets,
`classes` groups training clips, `labels` is the truth that only results are made with.
"""
