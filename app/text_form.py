"""The form of a text, in words: pydantic's own error shows a regular expression."""

import re
from dataclasses import dataclass

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class TextForm:
    """A text that `pattern` matches as a whole; `words` say what is accepted."""

    pattern: str
    words: str

    def _require(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            # Without the text, which may be a key.
            raise PydanticCustomError("text_form", "accepted is {words}", {"words": self.words})
        return text

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._require, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": f"^{self.pattern}$"}
