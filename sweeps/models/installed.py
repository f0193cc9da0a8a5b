"""The installed models, found by name among the entry points of the group `bocnn.models`."""

from importlib.metadata import entry_points

from sweeps.errors import SweepError, nearest
from sweeps.models.images.classes import two_classes
from sweeps.models.protocol import HasDetails, Model, NeedsImages

GROUP = "bocnn.models"


def load_model(name: str) -> Model:
    """The installed model of that name, able to read what its runs name.

    Args:
        name: of the model, followed by `+details` for its further measures.
    Raises:
        SweepError: no such model is installed, or a package that it needs is not.
    """
    name, plus, more = name.partition("+")
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise SweepError(
            f"unknown model {name!r}; installed: {', '.join(sorted(found)) or 'none'}"
            f"{nearest(name, found)}"
        )
    try:
        model = found[name].load()
    except ModuleNotFoundError as error:
        missing = (error.name or "a package").partition(".")[0]
        raise SweepError(f"the model {name!r} needs {missing}, which is not installed") from None
    if not isinstance(model, Model):
        raise SweepError(f"entry point {name!r} of {GROUP} is not a model: {type(model).__name__}")
    if plus and not (more == "details" and isinstance(model, HasDetails)):
        raise SweepError(f"received the model {name}+{more}; expected {name}, or bocnn+details")
    model = model.with_details() if plus and isinstance(model, HasDetails) else model
    return model.with_images(two_classes) if isinstance(model, NeedsImages) else model
