"""Other spellings of what Microsoft says."""

from typing import Any


def pascal(value: Any) -> Any:
    """The same with every name in PascalCase, as some services answer."""
    if isinstance(value, dict):
        return {name[0].upper() + name[1:]: pascal(member) for name, member in value.items()}
    return [pascal(entry) for entry in value] if isinstance(value, list) else value
