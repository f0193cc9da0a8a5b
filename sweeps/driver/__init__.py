"""What one driver does: plan a sweep against its folder, have it trained, say what its dataset holds."""

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
