"""`python -m tests.corpus FOLDER` writes all files, to try a command on them."""

import sys
from pathlib import Path

from tests.corpus.library_files import LIBRARY_FILES
from tests.corpus.other_files import OTHER_FILES
from tests.corpus.refused_files import REFUSED_FILES
from tests.corpus.tensor_files import TENSOR_FILES
from tests.corpus.torch_files import CONTAINERS

folder = Path(sys.argv[1])
folder.mkdir(parents=True)
for case in (*CONTAINERS, *TENSOR_FILES, *OTHER_FILES, *REFUSED_FILES, *LIBRARY_FILES):
    case.write(folder / case.file)
