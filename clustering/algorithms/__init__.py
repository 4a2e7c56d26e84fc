"""Pure numerics of weakly supervised clustering (Zhao et al. 2018): arrays in, arrays out, no Django.

`pipeline.weakly_supervised_clustering` is the door; the modules behind it can be used alone in a notebook.
"""
