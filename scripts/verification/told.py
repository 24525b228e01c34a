"""The facts of its source in a graph model's model.json: its outputs as they were asked for, inputs that are fixed."""
from typing import Any, Dict, List, Optional

from ..formats import json_text


def names_told(model_json: str) -> Optional[List[str]]:
    """Return the outputs as they were asked for, which a graph model's userDefinedMetadata has; None where it has none.
    """
    told = told_of(model_json)
    return list(told["outputs"]) if told and isinstance(told.get("outputs"), dict) else None


def told_of(model_json: str) -> Optional[Dict[str, Any]]:
    """Return what a graph model's userDefinedMetadata tells of it, None where it tells nothing."""
    with open(model_json, "rb") as file:
        told = json_text.parse(file.read(), model_json).get("userDefinedMetadata")
    found = told.get("tensorspace") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else None


def batches_of(model_json: str) -> Dict[str, int]:
    """Return {name of an input of a graph model: the size of its batch} of those that have one that is not open."""
    with open(model_json, "rb") as file:
        document = json_text.parse(file.read(), model_json)
    try:
        told = document["signature"]["inputs"].values()
        sizes = {one["name"].split(":")[0]: int(one["tensorShape"]["dim"][0]["size"]) for one in told
                 if one["tensorShape"].get("dim")}
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        return {}
    return {name: size for name, size in sizes.items() if size > 0}
