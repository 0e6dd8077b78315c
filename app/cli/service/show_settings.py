"""The command settings."""

from app.cli.output import AsJson, print_json, print_table, table


def show_settings(as_json: AsJson = False) -> None:
    """List every setting: environment variable, value in force, meaning.

    Example: stateserve settings
    """
    from app.settings import Settings, variable

    current = Settings.read()
    rows = [
        (variable(name), str(getattr(current, name)), field.description)
        for name, field in Settings.model_fields.items()
    ]
    columns = ("variable", "value", "meaning")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    listed = table(*columns)
    for row in rows:
        listed.add_row(*row)
    print_table(listed)
