"""The gram engine on a GPU: draws, training and measures of a whole batch of runs.

`bocnn.gpu.availability` says whether there is a GPU; the rest needs Triton and is imported when it first
trains. Which runs it accepts is in `bocnn.engines.gram_gpu`.
"""
