"""Is what was seen what was expected?"""


class Failed(Exception):
    """Something is not as it should be; the text says what."""


def shown(problem, most=4000):
    """The text of a problem, bounded."""
    text = str(problem)
    return text if len(text) <= most else f"{text[:most]} ... ({len(text)} characters)"


def differs(expected, seen, at=""):
    """The first difference, or None. Members of objects that nothing is expected of may be there."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        for key, value in expected.items():
            if key not in seen:
                return f"{at}/{key} is not there"
            if problem := differs(value, seen[key], f"{at}/{key}"):
                return problem
        return None
    if isinstance(expected, list) and isinstance(seen, list):
        if len(expected) != len(seen):
            return f"{at} has {len(seen)} items, not {len(expected)}"
        pairs = enumerate(zip(expected, seen, strict=True))
        return next((found for i, (a, b) in pairs if (found := differs(a, b, f"{at}/{i}"))), None)
    # True is 1 to Python, and nowhere else.
    same = expected == seen and isinstance(expected, bool) == isinstance(seen, bool)
    return None if same else f"{at} is {seen!r}, not {expected!r}"
