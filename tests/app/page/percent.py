"""Probabilities as the page writes them."""


def percent(probability: float) -> str:
    """100.0 % only for exactly 1, and 0.0 % for 0."""
    text = f"{probability * 100:.1f}"
    if text == "100.0" and probability < 1:
        return "> 99.9 %"
    return "< 0.1 %" if text == "0.0" and probability > 0 else f"{text} %"
