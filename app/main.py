"""For `uvicorn --factory app.main:create_app`."""

from app.api import create_app as create_app
