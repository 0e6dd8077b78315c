"""The options of doctor, and its output."""

from collections import Counter
from collections.abc import Iterator

import typer

from app.cli.doctor.finding import Finding
from app.cli.output import AsJson, print_json, print_line
from app.cli.service.settings_command import GIVEN
from app.errors import LimitError, SettingsError
from app.limits import FEWEST_THREADS, require_memory


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Check the installation, the machine, the settings and the models; status 1 at a failure.

    It takes the options of serve, and checks whether the service would start with them.

    Example: stateserve doctor --models models --port 8080
    """
    found: list[Finding] = []
    for finding in _findings(context.meta[GIVEN]):
        found.append(finding)
        if not as_json:
            print_line(f"{finding.level:4}  {finding.subject}: {finding.detail}")
    counts = Counter(finding.level for finding in found)
    if as_json:
        print_json({"failed": counts["fail"], "checks": [each._asdict() for each in found]})
    else:
        print_line(f"{counts['fail']} failed, {counts['warn']} warned, {counts['ok']} ok")
    if counts["fail"]:
        raise typer.Exit(1)


def _findings(given: dict[str, str | bool]) -> Iterator[Finding]:
    from app.cli.doctor.installation import check_installation
    from app.settings import Settings

    try:
        require_memory(FEWEST_THREADS)
    except LimitError as error:
        # Without it, torch ends the process.
        yield Finding("fail", "memory", str(error))
        return
    try:
        settings = Settings.read(given)
    except SettingsError as error:
        yield Finding("fail", "settings", str(error))
        yield from check_installation(None)
        return
    yield from check_installation(settings)
    # These import torch, which the installation may lack.
    try:
        from app.cli.doctor.machine import check_machine
        from app.cli.doctor.models import check_models
        from app.cli.doctor.settings import check_settings

        yield from check_machine(settings)
        yield from check_settings(settings)
        yield from check_models(settings)
    except ImportError as error:
        yield Finding("fail", "installation", f"not whole: {error}")
