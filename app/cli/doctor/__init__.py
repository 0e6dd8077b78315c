"""The command doctor: checks of the installation, the machine, the settings and the models."""
