"""Pure numerics of weakly supervised clustering (Zhao et al. 2018): arrays in, arrays out, no Django.

`pipeline.weakly_supervised_clustering` is the door; the modules behind it can be used alone in a notebook.
"""

import os

# Threads of OpenMP spin while they wait for work, unless told otherwise before numba and faiss load it. On a
# machine with other work, Algorithm 1 on 3,000 faces then took 30 s of the processor instead of 4.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
