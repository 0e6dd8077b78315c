"""Public tables that installed packages ship, each with its target."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import vega_datasets
from palmerpenguins import load_penguins
from sklearn import datasets
from statsmodels import datasets as econometric


@dataclass(frozen=True)
class PublicTable:
    """`load` reads the frame; its column `target` is predicted from all the others."""

    name: str
    target: str
    load: Callable[[], pd.DataFrame]


def public_tables() -> Iterator[PublicTable]:
    """All tables: those with classes first."""
    for name in ("iris", "wine", "breast_cancer", "digits"):
        yield PublicTable(name, "target", _sklearn(name))
    yield PublicTable("penguins", "species", load_penguins)
    yield _vega("cars", "Origin", without=["Name", "Year"])
    yield _vega("seattle_weather", "weather", without=["date"])
    yield _statsmodels("anes96", "vote")
    yield _statsmodels("heart", "censors", name="heart transplants")
    yield _statsmodels("modechoice", "choice", without=["individual"])
    yield _statsmodels("spector", "GRADE")
    yield _statsmodels("fair", "rate_marriage", name="fair")
    yield PublicTable("diabetes", "target", _sklearn("diabetes"))
    yield PublicTable("linnerud", "Weight", _linnerud)
    yield PublicTable("penguins mass", "body_mass_g", load_penguins)
    yield _vega("cars", "Miles_per_Gallon", name="cars mpg", without=["Name", "Year"])
    yield _vega("barley", "yield")
    yield _statsmodels("ccard", "AVGEXP")
    yield _statsmodels("statecrime", "violent", without=["murder"])
    yield _statsmodels("star98", "NABOVE")
    yield _statsmodels("grunfeld", "invest")
    yield _statsmodels("macrodata", "unemp")
    yield _statsmodels("stackloss", "STACKLOSS")
    yield _statsmodels("randhie", "mdvis")


def _sklearn(name: str) -> Callable[[], pd.DataFrame]:
    return lambda: pd.DataFrame(getattr(datasets, f"load_{name}")(as_frame=True).frame)


def _linnerud() -> pd.DataFrame:
    frame: pd.DataFrame = datasets.load_linnerud(as_frame=True).frame
    return frame.drop(columns=["Waist", "Pulse"])


def _vega(file: str, target: str, *, name: str = "", without: Sequence[str] = ()) -> PublicTable:
    def load() -> pd.DataFrame:
        frame: pd.DataFrame = getattr(vega_datasets.local_data, file)()
        return frame.drop(columns=list(without))

    return PublicTable(name or file, target, load)


def _statsmodels(
    module: str, target: str, *, name: str = "", without: Sequence[str] = ()
) -> PublicTable:
    def load() -> pd.DataFrame:
        frame: pd.DataFrame = getattr(econometric, module).load_pandas().data
        return frame.drop(columns=list(without))

    return PublicTable(name or module, target, load)
