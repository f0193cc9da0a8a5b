"""The gram engine on a GPU: draws, training and measures of a whole batch of runs.

It needs Triton and is imported when it first trains. Whether there is a GPU, and which runs it accepts, is
in `bocnn.engines`.
"""
