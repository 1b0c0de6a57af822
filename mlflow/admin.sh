#!/usr/bin/env bash
# Looks after the team's tracking server; its settings are in the environment, see server.env.example.
#   admin.sh create                    makes the two databases
#   admin.sh user NAME                 adds a user who may read; the password comes from stdin
#   admin.sh password NAME             gives a user another password, from stdin
#   admin.sh grant NAME KIND ID LEVEL  KIND is experiment (ID: its number) or registered_model (ID: its
#                                      name), LEVEL is READ, EDIT, MANAGE or NO_PERMISSIONS
#   admin.sh backup FOLDER             writes both databases to a folder; the bucket has its own versions
#   admin.sh restore FOLDER            makes both databases from that folder; they must not be there
#   admin.sh upgrade                   brings the tables to the installed MLflow; back up first
#   admin.sh gc AGE                    removes what was deleted in the UI longer than AGE (30d) ago, for good
set -eu
store=postgresql+psycopg2:///mmatune
python() { MLFLOW_DISABLE_TELEMETRY=true "${PYTHON:-python3}" -P "$@"; }
# Asks the server as its administrator.
as_admin() {
  export MLFLOW_TRACKING_URI="http://127.0.0.1:$MMATUNE_SERVER_PORT"
  export MLFLOW_TRACKING_USERNAME="$MLFLOW_AUTH_ADMIN_USERNAME"
  export MLFLOW_TRACKING_PASSWORD="$MLFLOW_AUTH_ADMIN_PASSWORD"
}
# METHOD PATH [NAME=VALUE]...; what is called "password" comes from stdin, never from an argument.
ask() {
  as_admin
  "${PYTHON:-python3}" -c '
import base64, getpass, json, os, sys, urllib.error, urllib.request
method, path, *fields = sys.argv[1:]
body = dict(field.split("=", 1) for field in fields)
if "password" in body:
    typed = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline()
    body["password"] = typed.rstrip("\n")
who = "{MLFLOW_TRACKING_USERNAME}:{MLFLOW_TRACKING_PASSWORD}".format_map(os.environ)
headers = {"Authorization": "Basic " + base64.b64encode(who.encode()).decode()}
headers["Content-Type"] = "application/json"
address = os.environ["MLFLOW_TRACKING_URI"] + "/api/" + path
request = urllib.request.Request(address, json.dumps(body).encode(), headers, method=method)
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    direct.open(request, timeout=60)
except urllib.error.HTTPError as error:
    sys.exit("admin.sh: " + error.read().decode(errors="replace"))
except OSError as error:
    sys.exit(f"admin.sh: the server does not answer: {error}")' "$@"
}
case "${1:-} $#" in
  "create 1") createdb mmatune && createdb mmatune_auth ;;
  "user 2") ask POST 2.0/mlflow/users/create "username=$2" password= ;;
  "password 2") ask PATCH 2.0/mlflow/users/update-password "username=$2" password= ;;
  "grant 5")
    ask POST 3.0/mlflow/users/permissions/grant \
      "username=$2" "resource_type=$3" "resource_id=$4" "permission=$5" ;;
  "backup 2")
    mkdir -p "$2"
    for name in mmatune mmatune_auth; do
      # Whole or not at all: an interrupted back-up must not look like one.
      pg_dump --format=custom --file="$2/$name.part" "$name" && mv "$2/$name.part" "$2/$name.dump"
    done ;;
  "restore 2")
    for name in mmatune mmatune_auth; do
      createdb "$name" && pg_restore --exit-on-error --no-owner --dbname="$name" "$2/$name.dump"
    done ;;
  "upgrade 1")
    python -m mlflow db upgrade "$store"
    python -m mlflow.server.auth db upgrade --url "${store}_auth" ;;
  "gc 2")
    as_admin
    python -m mlflow gc --backend-store-uri "$store" --artifacts-destination "$MMATUNE_ARTIFACTS" \
      --older-than "$2" ;;
  *) sed -n 's/^#   /  /p' "$0" >&2; exit 2 ;;
esac
