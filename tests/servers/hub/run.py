"""Starts Flask-WebSub's hub on a free port of 127.0.0.1 and writes its address into a file: run.py FILE FOLDER."""

import os
import socket
import sys

from celery import Celery
from flask import Flask
from flask_websub.hub import Hub, SQLite3HubStorage

place, folder = sys.argv[1:]
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]

app = Flask(__name__)
app.config.update(SERVER_NAME=f"127.0.0.1:{port}", PUBLISH_SUPPORTED=True)
# Its work is done at once and in its own process: no queue is needed.
celery = Celery("hub", broker="memory://")
celery.conf.task_always_eager = True
storage = SQLite3HubStorage(os.path.join(folder, "hub.sqlite3"))
hub = Hub(storage, celery, SIGNATURE_ALGORITHM="sha512")
app.register_blueprint(hub.build_blueprint(url_prefix="/hub"))

with open(f"{place}.new", "w") as out:
    out.write(f"http://127.0.0.1:{port}/hub")
os.rename(f"{place}.new", place)
app.run(host="127.0.0.1", port=port, threaded=True)
