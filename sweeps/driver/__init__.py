"""The driver: plans a sweep against its folder, has it trained, and gives the state of its dataset."""

from sweeps.driver.steps import (
    Outcome,
    execute,
    open_keys,
    open_sweep,
    owner_of,
    plan_sweep,
    prepare,
)

__all__ = ["Outcome", "execute", "open_keys", "open_sweep", "owner_of", "plan_sweep", "prepare"]
