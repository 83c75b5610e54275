"""Entry point of web servers: `gunicorn run:app`, `flask --app run …`."""

from app import create_app, logs

app = create_app()
logs.install(app.config["CHITRA"].log_level)
