"""WCAG AA by axe-core."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # The report of each element that passes takes twice as long as the checks.
    "resultTypes": ["violations"],
}
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1440, "height": 900}


def expect_no_violations(page: Page) -> None:
    report = Axe().run(page, options=OPTIONS).response
    found = [
        [each["id"], *(f"{node['target']} {node['failureSummary']}" for node in each["nodes"])]
        for each in report["violations"]
    ]
    assert found == [], found
    assert len(report["passes"]) > 20
