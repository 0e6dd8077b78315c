"""Numbers as text for people."""


def shortest(number: float) -> str:
    """The fewest digits that read back as the same number: 5.1, 436, 1226718, 1e+20."""
    return repr(float(number)).removesuffix(".0")
