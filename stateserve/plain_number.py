"""Numbers as people write them. Python also takes `1_0`, `+1`, spaces, digits of other scripts,
NaN and infinity."""

import re

_DIGITS = "[0-9]+"
WHOLE = re.compile(f"-?{_DIGITS}")
DECIMAL = re.compile(rf"-?({_DIGITS}(\.[0-9]*)?|\.{_DIGITS})([eE][+-]?{_DIGITS})?")
