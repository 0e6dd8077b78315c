"""The script that joins modules, run by Node where it is installed."""

import shutil
import subprocess

import pytest

from app.api.script import join_modules

MODULES = {
    "main.js": 'import { twice as double, Box } from "./a/one.js";\n'
    'import { count } from "./two.js";\n'
    "const twice = 1;\n"
    "console.log(double(twice), new Box().size, count, typeof hidden);\n",
    "a/one.js": 'import {\n  count,\n} from "../two.js";\n'
    "const hidden = count;\n"
    "export function twice(value) {\n  return 2 * value;\n}\n"
    "export class Box {\n  size = hidden;\n} // end",
    "two.js": "export const count = 7;\nexport async function wait() {}\n",
    "unused.js": "throw new Error();\n",
}


def test_a_module_runs_once_with_names_of_its_own() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    text = join_modules(MODULES, "main.js").text
    assert text.count("const count = 7") == 1
    assert "unused" not in text
    run = subprocess.run([node, "-e", text], capture_output=True, text=True, check=True)
    assert run.stdout == "2 7 7 undefined\n"


@pytest.mark.parametrize(
    "line",
    [
        'import all from "./two.js";',
        'import * as two from "./two.js";',
        'import "./two.js";',
        'import { wait } from "elsewhere";',
        "export default 1;",
        "export let changing = 1;",
        'export { count } from "./two.js";',
    ],
)
def test_another_form_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"main\.js: .*not a form"):
        join_modules({"main.js": f"const a = 1;\n{line}\n", "two.js": ""}, "main.js")
