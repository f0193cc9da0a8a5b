"""The gram engine on a GPU: draws, training and measures of a whole batch of runs on the GPU.

`bocnn.gpu.choice` says which runs it takes and whether there is a GPU; the rest needs Triton and is
imported by it when first used.
"""
